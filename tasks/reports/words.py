"""What each score means, in the words that people read: one place for the report and the card."""

from dataclasses import dataclass

from data_contracts import Contract

__all__ = ["COVERED", "GROUPS", "IMAGE_SCORES", "SCORES", "Meaning", "askable", "meaning"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """A score in words: its group, its title, what it says, and where it is best."""

    group: str
    title: str
    says: str
    best: str


COVERED = (
    "the model's weights, its encoding and all rows drawn from it, for one row added or taken away; not the contract, "
    "the numbers of rows, the digest of the source, the scores and the columns' distances, which hold no noise"
)
"""What a promise of differential privacy is about."""

GROUPS = ("Fidelity", "Utility", "Privacy", "Other")

_MEANINGS = {
    "column_shapes": Meaning("Fidelity", "Column shapes", "each column by itself looks like the real one", "1"),
    "column_pair_trends": Meaning(
        "Fidelity", "Column pair trends", "pairs of columns go together as in the real rows", "1"
    ),
    "data_validity": Meaning("Fidelity", "Data validity", "values keep to the real ranges and categories", "1"),
    "data_structure": Meaning("Fidelity", "Data structure", "columns and their types are the real ones", "1"),
    "two_sample_train": Meaning(
        "Fidelity", "Two-sample test, train", "boosted trees cannot tell it from the training rows", "1"
    ),
    "two_sample_holdout": Meaning(
        "Fidelity", "Two-sample test, holdout", "boosted trees cannot tell it from unseen rows", "1"
    ),
    "alpha_precision": Meaning(
        "Fidelity", "Alpha-precision", "synthetic rows lie as far from the middle as real ones", "1"
    ),
    "beta_recall": Meaning(
        "Fidelity", "Beta-recall", "real rows with a synthetic one as near as the nearest real one", "as holdout"
    ),
    "utility_real": Meaning("Utility", "Trained on real", "a model trained on real rows, tested on the holdout", "1"),
    "utility_synthetic": Meaning(
        "Utility", "Trained on synthetic", "the same trained on synthetic rows, tested on the holdout", "as real"
    ),
    "utility_augmented": Meaning(
        "Utility", "Trained on both", "the same trained on real and synthetic rows together", "as real"
    ),
    "utility_gap": Meaning("Utility", "Utility gap", "what is lost by training on synthetic rows", "0"),
    "membership_auc": Meaning(
        "Privacy", "Membership by distance, AUC", "how well nearness tells who was in the training rows", "0.5"
    ),
    "membership_tpr": Meaning(
        "Privacy", "Membership by distance, hits", "training rows found out at 1 % false alarms", "0.01"
    ),
    "membership_tpr_10": Meaning(
        "Privacy", "Membership by distance, hits at 10 %", "training rows found out at 10 % false alarms", "0.1"
    ),
    "membership_outliers_auc": Meaning(
        "Privacy", "Outliers by distance, AUC", "the same attack on the most outlying twentieth of rows", "0.5"
    ),
    "membership_outliers_tpr": Meaning(
        "Privacy", "Outliers by distance, hits", "outlying training rows found out at 1 % false alarms", "0.01"
    ),
    "membership_outliers_tpr_10": Meaning(
        "Privacy", "Outliers by distance, hits at 10 %", "outlying training rows found out at 10 % false alarms", "0.1"
    ),
    "domias_auc": Meaning(
        "Privacy", "Membership by density, AUC", "how well too dense a place tells who was in the training rows", "0.5"
    ),
    "domias_tpr": Meaning(
        "Privacy", "Membership by density, hits", "training rows found out at 1 % false alarms", "0.01"
    ),
    "domias_tpr_10": Meaning(
        "Privacy", "Membership by density, hits at 10 %", "training rows found out at 10 % false alarms", "0.1"
    ),
    "domias_outliers_auc": Meaning(
        "Privacy", "Outliers by density, AUC", "the same attack on the most outlying twentieth of rows", "0.5"
    ),
    "domias_outliers_tpr": Meaning(
        "Privacy", "Outliers by density, hits", "outlying training rows found out at 1 % false alarms", "0.01"
    ),
    "domias_outliers_tpr_10": Meaning(
        "Privacy", "Outliers by density, hits at 10 %", "outlying training rows found out at 10 % false alarms", "0.1"
    ),
    "model_membership_auc": Meaning(
        "Privacy", "Membership by the model, AUC", "how well the model's own score tells who was in train", "0.5"
    ),
    "model_membership_tpr": Meaning(
        "Privacy", "Membership by the model, hits", "training rows found out at 1 % false alarms", "0.01"
    ),
    "model_membership_tpr_10": Meaning(
        "Privacy", "Membership by the model, hits at 10 %", "training rows found out at 10 % false alarms", "0.1"
    ),
    "singling_out_risk": Meaning(
        "Privacy", "Singling out", "guesses that isolate one training row, beyond what chance isolates", "0"
    ),
    "linkability_risk": Meaning(
        "Privacy", "Linkability", "training rows whose halves can be put together, beyond unseen rows", "0"
    ),
    "inference_risk": Meaning(
        "Privacy", "Inference", "values of training rows that are guessed from the others, beyond unseen rows", "0"
    ),
    "copies": Meaning("Privacy", "Copies", "synthetic rows equal to a training row", "as holdout"),
    "copies_holdout": Meaning(
        "Privacy", "Copies, holdout", "unseen real rows equal to a training row: chance alone", ""
    ),
    "copies_excess": Meaning("Privacy", "Copies beyond chance", "copies more than chance brings", "0"),
    "dcr_share": Meaning("Privacy", "Closest record", "synthetic rows nearer to train than to an equal holdout", "0.5"),
    "dcr_share_2": Meaning(
        "Privacy",
        "Very near to train, 2 %",
        "synthetic rows as near to train as the nearest 2 % of unseen ones",
        "0.02",
    ),
    "dcr_share_5": Meaning(
        "Privacy",
        "Very near to train, 5 %",
        "synthetic rows as near to train as the nearest 5 % of unseen ones",
        "0.05",
    ),
    "epsilon": Meaning("Privacy", "Epsilon", "promised by differential privacy to each training row", ""),
    "held_out_rows": Meaning("Other", "Rows judged by", "real rows on either side that the figures rest on", ""),
}

_OF_IMAGES = {
    "frechet_distance": Meaning(
        "Fidelity", "Fréchet distance", "what a network sees in the images has the mean and the spread of the real", "0"
    ),
    "kernel_distance": Meaning(
        "Fidelity", "Kernel distance", "the same without taking it for a bell; below 0 by chance", "0"
    ),
    "precision": Meaning("Fidelity", "Precision", "synthetic images that lie among real ones", "1"),
    "recall": Meaning("Fidelity", "Recall", "real images that lie among synthetic ones", "1"),
    "density": Meaning("Fidelity", "Density", "among how many real images a synthetic one lies, of 5", "1"),
    "coverage": Meaning("Fidelity", "Coverage", "real images with a synthetic one near them", "1"),
    "class_shares": Meaning("Fidelity", "Class shares", "classes are as frequent as in the real images", "1"),
    "missing_classes": Meaning("Fidelity", "Missing classes", "classes that no synthetic image is of", "0"),
    "pixel_membership_auc": Meaning(
        "Privacy",
        "Membership by pixels, AUC",
        "how well nearness in pixels tells who was in the training images",
        "0.5",
    ),
    "pixel_membership_tpr": Meaning(
        "Privacy", "Membership by pixels, hits", "training images found out at 1 % false alarms", "0.01"
    ),
    "pixel_membership_tpr_10": Meaning(
        "Privacy", "Membership by pixels, hits at 10 %", "training images found out at 10 % false alarms", "0.1"
    ),
    "near_copies": Meaning(
        "Privacy",
        "Near copies",
        "synthetic images with the perceptual hash of a training image, but for a few bits",
        "as holdout",
    ),
    "near_copies_holdout": Meaning(
        "Privacy", "Near copies, holdout", "unseen real images so near to a training image: chance alone", ""
    ),
    "near_copies_excess": Meaning("Privacy", "Near copies beyond chance", "near copies more than chance brings", "0"),
}

SCORES = tuple(_MEANINGS)
"""The scores of a table: what its gate can ask for."""

_OF_TABLES_ALONE = {"two_sample_holdout", "alpha_precision", "beta_recall", "utility_augmented"}

IMAGE_SCORES = (*(name for name in SCORES if name not in _OF_TABLES_ALONE), *_OF_IMAGES)
"""The scores of images, and of the columns beside them."""


def askable(contract: Contract) -> tuple[str, ...]:
    """Return the scores that a contract's gate can ask for."""
    return SCORES if contract.image is None else IMAGE_SCORES


_FAMILIES = {
    "Fidelity": ("column", "data", "two_sample", "alpha", "beta"),
    "Utility": ("utility",),
    "Privacy": (
        "membership",
        "domias",
        "model",
        "dcr",
        "copies",
        "singling_out",
        "linkability",
        "inference",
        "epsilon",
    ),
}
"""How the names of each group's scores begin."""


def meaning(score: str) -> Meaning:
    """Return a score's words; an unknown one stands for itself, in the group that its name begins like."""
    if found := _MEANINGS.get(score) or _OF_IMAGES.get(score):
        return found
    group = next((group for group, starts in _FAMILIES.items() if score.startswith(starts)), "Other")
    return Meaning(group, score.replace("_", " ").capitalize(), "", "–")  # noqa: RUF001
