"""The gate: a release is published when every threshold of its contract is met, and refused otherwise.

It fails closed: a score that is missing or not a number refuses. What is published takes the place of the latest
release unless it is worse.
"""

import math
from collections.abc import Iterable, Mapping

from data_contracts import Contract, ReleaseRefusedError, Threshold
from tasks.publish import Release
from tasks.references import Judgement, Score, Verdict

__all__ = ["DEFAULTS", "judge", "require", "require_champion"]

DEFAULTS = (
    Threshold("data_validity", "rows outside the contract break every reader", minimum=0.99),
    Threshold("copies_excess", "real rows may not come back more often than chance brings them", maximum=0.002),
    Threshold("membership_auc", "nobody may learn who was in the training rows", maximum=0.55),
)
"""Held wherever the contract says nothing about the score: a contract can tighten or loosen, not forget."""


def judge(contract: Contract, scores: Iterable[Score]) -> Verdict:
    """Compare scores with the contract's thresholds and, where it is silent, with the project's."""
    values = {score.name: score.value for score in scores}
    named = {threshold.score for threshold in contract.gate}
    thresholds = (*contract.gate, *(default for default in DEFAULTS if default.score not in named))
    return Verdict(tuple(_judge(threshold, values) for threshold in thresholds))


def require(verdict: Verdict, evidence: str) -> None:
    """Let a passed verdict through.

    Raises:
        ReleaseRefusedError: a threshold is not met; it names each, and where the evidence lies.
    """
    failed = [judgement for judgement in verdict.judgements if not judgement.passed]
    if failed:
        raise ReleaseRefusedError(
            "a release reaches every threshold of its contract",
            f"{len(failed)} of {len(verdict.judgements)} are not met ({'; '.join(map(str, failed))})",
            f"Read {evidence}, then change the model, its budget or the data; nothing was published",
        )


def require_champion(release: Release) -> None:
    """Let a release through that took the place of the one before it.

    Raises:
        ReleaseRefusedError: it is worse, and was published beside it; `latest.json` did not move.
    """
    if not release.champion and release.comparison is not None:
        raise ReleaseRefusedError(
            "a release takes the place of the latest unless it is worse beyond the margin",
            f"{release.version} stands {release.comparison}",
            f"It is kept at {release.uri}, and latest.json still names {release.comparison.release}; look at its "
            "report, then change the model, its budget or the data, or run again with a greater --margin",
        )


def _judge(threshold: Threshold, values: Mapping[str, float]) -> Judgement:
    value = values.get(threshold.score, math.nan)
    if math.isnan(value):
        return Judgement(threshold, None, passed=False)
    low = -math.inf if threshold.minimum is None else threshold.minimum
    high = math.inf if threshold.maximum is None else threshold.maximum
    return Judgement(threshold, value, passed=low <= value <= high)
