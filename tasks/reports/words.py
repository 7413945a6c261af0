"""What each score means, in the words that people read: one place for the report and the card."""

from dataclasses import dataclass

__all__ = ["COVERED", "GROUPS", "SCORES", "Meaning", "meaning"]


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
    "utility_real": Meaning("Utility", "Trained on real", "a model trained on real rows, tested on the holdout", "1"),
    "utility_synthetic": Meaning(
        "Utility", "Trained on synthetic", "the same trained on synthetic rows, tested on the holdout", "as real"
    ),
    "utility_gap": Meaning("Utility", "Utility gap", "what is lost by training on synthetic rows", "0"),
    "membership_auc": Meaning(
        "Privacy", "Membership attack, AUC", "how well an attacker tells who was in the training rows", "0.5"
    ),
    "membership_tpr": Meaning(
        "Privacy", "Membership attack, hits", "training rows found out at 1 % false alarms", "0.01"
    ),
    "copies": Meaning("Privacy", "Copies", "synthetic rows equal to a training row", "as holdout"),
    "copies_holdout": Meaning(
        "Privacy", "Copies, holdout", "unseen real rows equal to a training row: chance alone", ""
    ),
    "copies_excess": Meaning("Privacy", "Copies beyond chance", "copies more than chance brings", "0"),
    "dcr_share": Meaning("Privacy", "Closest record", "synthetic rows nearer to train than to an equal holdout", "0.5"),
}

SCORES = tuple(_MEANINGS)
"""The scores that there are: what a gate can ask for."""


_FAMILIES = {
    "Fidelity": ("column", "data", "two_sample", "alpha", "beta"),
    "Utility": ("utility",),
    "Privacy": ("membership", "domias", "dcr", "copies", "singling_out", "linkability", "inference", "epsilon"),
}
"""How the names of each group's scores begin."""


def meaning(score: str) -> Meaning:
    """Return a score's words; an unknown one stands for itself, in the group that its name begins like."""
    if score in _MEANINGS:
        return _MEANINGS[score]
    group = next((group for group, starts in _FAMILIES.items() if score.startswith(starts)), "Other")
    return Meaning(group, score.replace("_", " ").capitalize(), "", "–")  # noqa: RUF001
