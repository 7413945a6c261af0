"""The project's thresholds, of tables and of images: held wherever a contract says nothing about the score.

A contract can tighten or loosen each by its name, with a reason of its own; it cannot forget one.  Where the luck of
the draw is known, the gate judges the near end of the interval (`flows.gate`), so these bounds hold no allowance for
noise: they say what may truly be.  How they were chosen, and how often chance alone would break them:
docs/decisions/0015-gate-and-luck.md and 0024-scores-of-images.md; what they catch: docs/scores.md.
"""

from data_contracts import Contract, Threshold

__all__ = ["DEFAULTS", "IMAGES", "defaults"]

_OF_TWO_COLUMNS = ("two_sample_train", "singling_out_risk", "linkability_risk", "inference_risk")
_OF_COLUMNS = ("data_validity", "column_shapes", *_OF_TWO_COLUMNS)
_OF_CLASSES = ("missing_classes", "utility_gap")
_OF_TABLES_ALONE = ("beta_recall",)

DEFAULTS = (
    Threshold(
        "held_out_rows",
        "with fewer real rows on either side no leak can be told from chance: hold out a larger share",
        minimum=30,
    ),
    Threshold("data_validity", "rows outside the real ranges and categories break every reader", minimum=0.99),
    Threshold("column_shapes", "below this a quarter of a column's rows lie elsewhere, on average", minimum=0.75),
    Threshold(
        "two_sample_train",
        "independent columns reach .02 to .06: below this, little of how columns go together was learned",
        minimum=0.1,
    ),
    Threshold(
        "beta_recall",
        "real rows have .5: below this, most kinds of real rows have no synthetic one near them",
        minimum=0.1,
    ),
    Threshold("copies_excess", "real rows may not come back more often than chance brings them", maximum=0.002),
    Threshold(
        "membership_auc",
        "who was in train may not be told by nearness: .515 is right in 103 of 200 pairs, a coin in 100",
        maximum=0.515,
    ),
    Threshold(
        "membership_tpr",
        "at 1 % false alarms, chance finds 1 % of the members; half as many more is the least that could harm someone",
        maximum=0.015,
    ),
    Threshold(
        "membership_outliers_auc",
        "the same of the most outlying twentieth, who have most to lose; wider, since few rows are looked at",
        maximum=0.53,
    ),
    Threshold("domias_auc", "who was in train may not be told by density either, the stronger attack", maximum=0.515),
    Threshold("domias_tpr", "as for membership_tpr, by density", maximum=0.015),
    Threshold("domias_outliers_auc", "as for membership_outliers_auc, by density", maximum=0.53),
    Threshold(
        "model_membership_auc",
        "the model is published too: beyond 12 of 20 pairs that its own score tells, a coin 10, it knows rows by heart",
        maximum=0.6,
    ),
    Threshold("model_membership_tpr", "as for membership_tpr, by the model's own score", maximum=0.015),
    Threshold(
        "singling_out_risk",
        "one guess in twenty that isolates a person because he was in train is a way to find people",
        maximum=0.05,
    ),
    Threshold(
        "linkability_risk", "one person in fifty linked because he was in train is a way to find people", maximum=0.02
    ),
    Threshold(
        "inference_risk",
        "one value in fifty that is guessed because its row was in train tells a person's secrets",
        maximum=0.02,
    ),
)
"""Of tables."""

IMAGES = (
    *(each for each in DEFAULTS if each.score not in _OF_TABLES_ALONE),
    Threshold(
        "frechet_distance",
        "images blurred over a pixel of 28 are at .4 or more, one repeated above 1: beyond this they show other things",
        maximum=0.3,
    ),
    Threshold(
        "recall",
        "real images have .95, what shows a few modes has none: below this, much of how real images vary is not there",
        minimum=0.1,
    ),
    Threshold(
        "coverage",
        "real images have .97: below this, most kinds of real images have no synthetic one near them",
        minimum=0.2,
    ),
    Threshold("missing_classes", "a class that is there in the real images is there in the synthetic ones", maximum=0),
    Threshold(
        "utility_gap",
        "who learns from them errs on a quarter more of real images: above this, their classes are not to be relied on",
        maximum=0.25,
    ),
    Threshold(
        "near_copies_excess",
        "a real image may not come back made noisy, blurred or re-encoded, beyond one in 200 and chance",
        maximum=0.005,
    ),
    Threshold(
        "pixel_membership_auc",
        "as for membership_auc, by pixels: a network overlooks noise and blur, pixels do not",
        maximum=0.515,
    ),
    Threshold("pixel_membership_tpr", "as for membership_tpr, by pixels", maximum=0.015),
)
"""Of images; those of columns and of classes hold where there are such."""


def defaults(contract: Contract) -> tuple[Threshold, ...]:
    """Return the thresholds that hold for a contract's kind of data."""
    if contract.image is None:
        return DEFAULTS
    beside = [column for column in contract.columns if column.kind not in ("id", "image") and not column.primary_key]
    target = None if contract.target is None else contract[contract.target].kind
    without = {
        *(() if beside else _OF_COLUMNS),
        *(() if beside[1:] else _OF_TWO_COLUMNS),
        *(() if target in ("category", "boolean") else _OF_CLASSES),
    }
    return tuple(threshold for threshold in IMAGES if threshold.score not in without)
