"""Each score read aloud: what its figure means, in a sentence for people who know no statistics."""

import math
from collections.abc import Callable, Iterator

from tasks.references import Score
from tasks.reports.shares import fine, tenth

__all__ = ["reading"]

_COIN = "A coin: 50\N{NO-BREAK SPACE}%."


def reading(score: Score) -> str:
    """Return a score's figure as a sentence; of one that is missing, why; of one without words, nothing."""
    if score.value != score.value:
        return f"It could not be had: {score.note}." if score.note else "It could not be had."
    sentence = _READINGS.get(score.name, _nothing)(score)
    return f"{sentence} {_sentence(score.note)}".strip()


def _sentence(note: str) -> str:
    """Return a note as a sentence; which network looked is for the record alone."""
    told = "; ".join(part for part in note.split("; ") if not part.startswith("features of network"))
    return f"{told[0].upper()}{told[1:]}." if told else ""


def _beside(score: Score, words: str) -> str:
    return "" if score.floor is None or score.floor != score.floor else words.format(fine(score.floor))


def _by_chance(percent: int) -> str:
    return f"By chance: {percent}\N{NO-BREAK SPACE}%."


def _nothing(score: Score) -> str:
    return _beside(score, "Real rows in its place reach {}.")


def _shapes(score: Score) -> str:
    floor = _beside(score, "; of held-out real rows, {}")
    return f"A column by itself is on average {fine(score.value)} like the real one{floor}."


def _trends(score: Score) -> str:
    floor = _beside(score, "; of held-out real rows, {}")
    return f"Two columns together are on average {fine(score.value)} like the real two{floor}."


def _validity(score: Score) -> str:
    return f"{fine(score.value)} of the values keep to the real ranges, categories and keys."


def _structure(score: Score) -> str:
    return f"{fine(score.value)} of the columns have their real name and type."


def _told_apart(of: str) -> Callable[[Score], str]:
    def read(score: Score) -> str:
        right = tenth((2 - score.value) / 2)
        floor = "" if score.floor is None else f"; shown two real rows, in {tenth((2 - score.floor) / 2)}"
        return f"Shown a synthetic row and {of}, boosted trees say which is which in {right} of cases{floor}. {_COIN}"

    return read


def _is_ratio(score: Score) -> bool:
    return score.metric.endswith("r2")


def _is_accuracy(score: Score) -> bool:
    return score.metric.endswith("accuracy")


def _useful(of: str) -> Callable[[Score], str]:
    def read(score: Score) -> str:
        if _is_ratio(score):
            return f"A model that learned from {of} explains {fine(score.value)} of the target on rows never seen."
        if _is_accuracy(score):
            images = of.replace("rows", "images")
            return f"A network that learned from {images} names the class of {fine(score.value)} of images never seen."
        return f"A model that learned from {of} ranks two rows never seen rightly in {fine(score.value)} of cases."

    return read


def _gap(score: Score) -> str:
    if score.value <= 0:
        return "Nothing is lost by learning from synthetic rows instead of real ones."
    if _is_accuracy(score):
        lost = f"{score.value * 100:.2f} points in a hundred of classes rightly named"
        return f"Learning from synthetic images instead of real ones loses {lost}."
    of = "the explained target" if _is_ratio(score) else "pairs rightly ranked"
    return (
        f"Learning from synthetic rows instead of real ones loses {score.value * 100:.2f} points in a hundred of {of}."
    )


def _picked(who: str, among: str = "") -> Callable[[Score], str]:
    def read(score: Score) -> str:
        picks = f"picks the right one in {fine(score.value)} of cases"
        return f"{who}, given a row that was learned from and one that was not{among}, {picks}. {_COIN}"

    return read


def _found(who: str, percent: int, among: str = "") -> Callable[[Score], str]:
    def read(score: Score) -> str:
        finds = f"finds {fine(score.value)} of the rows learned from{among}"
        return f"{who}, wrong about {percent} in a hundred others, {finds}. {_by_chance(percent)}"

    return read


def _attacks() -> Iterator[tuple[str, Callable[[Score], str]]]:
    """Yield each membership attack's score and its reading."""
    everybody, outlying = ("", ""), ("outliers_", ", both among the most outlying twentieth")
    attackers = {
        "membership": ("looks how near synthetic rows come", (everybody, outlying)),
        "domias": ("looks where synthetic rows crowd more than real ones", (everybody, outlying)),
        "pixel_membership": ("looks how near synthetic images come, pixel by pixel", (everybody,)),
        "model_membership": ("asks the published model how usual a row is", (everybody,)),
    }
    for name, (does, parts) in attackers.items():
        for part, among in parts:
            yield f"{name}_{part}auc", _picked(f"An attacker who {does}", among)
            yield f"{name}_{part}tpr", _found(f"An attacker who {does}", 1, among.replace(", both", ""))
            yield f"{name}_{part}tpr_10", _found(f"An attacker who {does}", 10, among.replace(", both", ""))


def _risk(attempts: str) -> Callable[[Score], str]:
    def read(score: Score) -> str:
        return (
            f"Of the attempts to {attempts} that would fail without these rows, {fine(score.value)} succeed with them."
        )

    return read


def _as_near(percent: int) -> Callable[[Score], str]:
    def read(score: Score) -> str:
        near = f"{fine(score.value)} of the synthetic rows come as near to a row learned from"
        return f"{near} as the nearest {percent} in a hundred real rows never seen. {_by_chance(percent)}"

    return read


def _apart(what: str) -> Callable[[Score], str]:
    def read(score: Score) -> str:
        floor = "" if score.floor is None else f" Held-out real images: {score.floor:.4f}."
        return f"{what}: {score.value:.4f}, where 0 is no difference and 1 the spread of the real images.{floor}"

    return read


def _among(words: str) -> Callable[[Score], str]:
    def read(score: Score) -> str:
        return f"{words.format(fine(score.value))}{_beside(score, '; held-out real images: {}')}."

    return read


def _dense(score: Score) -> str:
    floor = "" if score.floor is None else f"; held-out real images, {score.floor:.2f}"
    return f"Synthetic images lie as densely among the real ones as {score.value:.2f} times these themselves{floor}."


def _missing(score: Score) -> str:
    count = int(score.value)
    return "No class is missing." if not count else f"{count} {'class is' if count == 1 else 'classes are'} missing."


def _near_excess(score: Score) -> str:
    if score.value <= 0:
        return "Synthetic images come no nearer to those learned from than chance brings it."
    return f"{fine(score.value)} more of the synthetic images are near copies than chance brings."


def _epsilon(score: Score) -> str:
    factor = math.exp(min(score.value, 700))
    return f"Whether any one row was there changes the probability of no outcome by more than a factor of {factor:.3g}."


def _kept(what: str) -> Callable[[Score], str]:
    def read(score: Score) -> str:
        floor = _beside(score, "; held-out real rows, {}")
        return f"Of {what}, synthetic rows keep {fine(score.value)}{floor}."

    return read


def _judges(score: Score) -> str:
    return f"The figures rest on {score.value:,.0f} real rows on either side: the fewer, the more is luck."


def _copies(score: Score) -> str:
    floor = _beside(score, " Of real rows never seen, {} do, by chance alone.")
    return f"{fine(score.value)} of the synthetic rows equal a row learned from.{floor}"


def _copies_by_chance(score: Score) -> str:
    return f"{fine(score.value)} of real rows that nobody learned from equal a row learned from."


def _excess(score: Score) -> str:
    if score.value <= 0:
        return "Synthetic rows equal real ones no more often than chance brings it."
    return f"{fine(score.value)} more of the synthetic rows equal a real one than chance brings."


def _nearer(score: Score) -> str:
    nearer = f"{fine(score.value)} of the synthetic rows lie nearer to a row learned from than to one never seen"
    return f"{nearer}. {_COIN}"


_READINGS: dict[str, Callable[[Score], str]] = {
    "column_shapes": _shapes,
    "column_pair_trends": _trends,
    "data_validity": _validity,
    "data_structure": _structure,
    "two_sample_train": _told_apart("one learned from"),
    "two_sample_holdout": _told_apart("a real one never seen"),
    "utility_real": _useful("real rows"),
    "utility_synthetic": _useful("synthetic rows"),
    "utility_gap": _gap,
    **dict(_attacks()),
    "singling_out_risk": _risk("single one real row out"),
    "linkability_risk": _risk("link two halves of a real row"),
    "inference_risk": _risk("guess a cell of a real row from its others"),
    "dcr_share_2": _as_near(2),
    "dcr_share_5": _as_near(5),
    "frechet_distance": _apart("Mean and spread of what a network sees in them differ by this much from the real ones"),
    "kernel_distance": _apart("The same without taking the features for normally distributed"),
    "precision": _among("{} of the synthetic images lie among real ones"),
    "recall": _among("{} of the real images lie among synthetic ones"),
    "density": _dense,
    "coverage": _among("{} of the real images have a synthetic one among their nearest"),
    "class_shares": _among("The shares of the classes are {} like the real ones"),
    "missing_classes": _missing,
    "near_copies": _among("{} of the synthetic images look like one learned from, nearly to the bit"),
    "near_copies_holdout": _among("{} of real images that nobody learned from look like one learned from"),
    "near_copies_excess": _near_excess,
    "epsilon": _epsilon,
    "utility_augmented": _useful("real and synthetic rows together"),
    "alpha_precision": _kept("how far real rows lie from their middle"),
    "beta_recall": _kept("the places where real rows lie"),
    "held_out_rows": _judges,
    "copies": _copies,
    "copies_holdout": _copies_by_chance,
    "copies_excess": _excess,
    "dcr_share": _nearer,
}
