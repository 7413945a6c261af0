"""What the synthetic images are good for: a network learns the classes from them, and names those of the holdout.

Ravuri, Vinyals: Classification Accuracy Score for Conditional Generative Models, 2019, https://arxiv.org/abs/1905.10887;
beside it, the same network that learned from as many real images.
"""

import numpy as np

from tasks.references import Score
from tasks.scoring import chance
from tasks.scoring.chance import Estimate
from tasks.scoring.frames import generator
from tasks.scoring.images import network
from tasks.scoring.images.network import Classifier, learn
from tasks.scoring.images.sets import Images

__all__ = ["UTILITY", "accuracy", "taught", "utility"]

UTILITY = ("utility_real", "utility_synthetic", "utility_gap")
"""The names of these scores, in order."""


def taught(images: Images, count: int, *, classes: int, seed: int) -> Classifier | None:
    """Return a network that learned the classes of so many images; None: they are not of two classes, or too few."""
    known = np.flatnonzero(images.labels >= 0)
    drawn = np.sort(generator(seed, "utility").permutation(len(known))[:count])
    mine = known[drawn]
    if len(np.unique(images.labels[mine])) < len(("one", "other")):
        return None
    return learn(images.pixels[mine], images.labels[mine], classes=classes, seed=seed)


def accuracy(judge: Classifier | None, learned: Images, holdout: Images) -> Estimate:
    """Return the share of the holdout's classes that are named rightly.

    Args:
        judge: that learned from some images; None: of one class, which it then names always.
        learned: those images.
        holdout: the images asked about.
    """
    known = holdout.labels >= 0
    truth = holdout.labels[known]
    if judge is None:
        only = learned.labels[learned.labels >= 0]
        right = truth == only[0] if len(only) else np.zeros(len(truth), np.bool_)
    else:
        right = judge.classified(holdout.pixels[known]) == truth
    return chance.wilson(float(right.sum()), len(right))


def utility(
    judges: tuple[Classifier | None, Classifier | None],
    train: Images,
    holdout: Images,
    *,
    synthetic: Images,
    count: int,
    seed: int,
) -> tuple[Score, ...]:
    """Return the accuracy of real images, of as many synthetic ones, and the gap.

    Args:
        judges: that learned from train and from the synthetic images.
        train: real images that were learned from.
        holdout: real images that judge.
        synthetic: images that are judged.
        count: of the images that either judge learned from.
        seed: for the record.
    """
    real, made = (accuracy(judge, learned, holdout) for judge, learned in zip(judges, (train, synthetic), strict=True))
    rows = {"train": count, "synthetic": count, "holdout": int((holdout.labels >= 0).sum())}
    note = "" if rows["holdout"] else "no class of the holdout is known"
    return tuple(
        Score(
            name,
            figure.value,
            "tasks.scoring.images.utility.accuracy",
            network.version(),
            seed,
            rows,
            note=note,
            interval=figure.interval,
        )
        for name, figure in zip(UTILITY, (real, made, chance.difference(real, made)), strict=True)
    )
