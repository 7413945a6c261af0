"""The project's thresholds: held wherever a contract says nothing about the score.

A contract can tighten or loosen each by its name, with a reason of its own; it cannot forget one.  Where the luck of
the draw is known, the gate judges the near end of the interval (`flows.gate`), so these bounds hold no allowance for
noise: they say what may truly be.  How they were chosen, and how often chance alone would break them:
docs/decisions/0015-gate-and-luck.md; what they catch: docs/scores.md.
"""

from data_contracts import Threshold

__all__ = ["DEFAULTS"]

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
