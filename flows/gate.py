"""The gate: a release is published when every threshold of its contract is met, and refused otherwise.

It fails closed: a score that is missing or not a number refuses, and nothing opens it but a contract that says why.
It does not refuse for bad luck: where a score's interval is known, a bound is broken when all of the interval is beyond
it, so that with few real rows only what is surely too much refuses.  That few rows would let all pass is what the
threshold of `held_out_rows` is for.  What is published takes the place of the latest release unless it is worse.
"""

import math
from collections.abc import Iterable, Mapping

from data_contracts import Contract, ReleaseRefusedError, Threshold
from flows.defaults import defaults
from tasks.publish import Release
from tasks.references import Judgement, Score, Verdict

__all__ = ["judge", "require", "require_champion"]


def judge(contract: Contract, scores: Iterable[Score]) -> Verdict:
    """Compare scores with the contract's thresholds and, where it is silent, with the project's."""
    found = {score.name: score for score in scores}
    named = {threshold.score for threshold in contract.gate}
    thresholds = (*contract.gate, *(default for default in defaults(contract) if default.score not in named))
    return Verdict(tuple(_judge(threshold, found) for threshold in thresholds))


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


def _judge(threshold: Threshold, found: Mapping[str, Score]) -> Judgement:
    score = found.get(threshold.score)
    if score is None or not math.isfinite(score.value):
        return Judgement(threshold, None, passed=False)
    low, high = score.interval or (score.value, score.value)
    enough = threshold.minimum is None or high >= threshold.minimum
    little = threshold.maximum is None or low <= threshold.maximum
    return Judgement(threshold, score.value, passed=enough and little, interval=score.interval)
