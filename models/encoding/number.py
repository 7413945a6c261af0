"""Numbers of every kind: integers, decimals, dates, timestamps.

A cell is a code — one of the spikes, "regular", or null — and, where regular, a value: its standard normal
score by rank (van der Waerden), through a quantile function.  A spike is a number that many rows share; it comes back
exactly, and so do the least and the greatest, unless the contract classifies the column.  Of other numbers that fewer
than five rows share only means of five are held, as knots at every fifth row or wider (`models.encoding.disclosure`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from data_contracts import Column
from data_contracts.arrow import arrow_type
from data_contracts.conditions import Asked, Condition
from models.encoding.allowed import ALL_SCORES, Allowed
from models.encoding.axis import from_axis, observed_decimals, to_axis, whole
from models.encoding.disclosure import CLASSIFIED, KEPT_ROWS
from models.encoding.quantiles import Quantiles, quantiles
from models.encoding.spans import UNKNOWN
from models.encoding.tally import Numbers, Tally, common_step

__all__ = ["NumberStatistics", "allowed", "beyond", "decode", "encode", "merge", "settle", "summarise"]

_SPIKES = 128
"""Up to so many shared numbers, all are spikes: a table of them is cheaper and truer than a curve."""

_SPIKE_SHARE = 0.01
"""Where there are more, a number is a spike if this share of the rows holds it."""


@dataclass(frozen=True, slots=True)
class NumberSummary:
    """What one pass over the rows adds up: the tally of numbers, and the count of nulls."""

    tally: Tally
    nulls: int


@dataclass(frozen=True, slots=True)
class NumberStatistics:
    """What is kept of a column of numbers.

    Args:
        decimals: numbers are held in whole units of 10**-decimals; None: as floats.
        spikes: (S,) shared numbers, ascending; code 0 to S - 1.
        regular: the quantile function of all others, code S; None where there are no others.
        nulls: whether nulls were seen; the last code.
    """

    decimals: int | None
    spikes: Numbers
    regular: Quantiles | None
    nulls: bool

    @property
    def size(self) -> int:
        """Return the number of codes."""
        return len(self.spikes) + (self.regular is not None) + self.nulls

    @property
    def regular_code(self) -> int | None:
        """Return the code of a number that is no spike; None where there is none."""
        return len(self.spikes) if self.regular is not None else None

    def state(self) -> dict[str, Any]:
        """Return the statistics as JSON holds them."""
        return {
            "decimals": self.decimals,
            "spikes": self.spikes.tolist(),
            "regular": None if self.regular is None else self.regular.state(),
            "nulls": self.nulls,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], column: Column) -> "NumberStatistics":
        """Return the statistics that `state` described."""
        floats = column.kind == "number" and state["decimals"] is None
        dtype = np.float64 if floats else np.int64
        regular = None if state["regular"] is None else Quantiles.from_state(state["regular"], dtype)
        return cls(state["decimals"], np.array(state["spikes"], dtype), regular, state["nulls"])


def summarise(array: pa.Array, column: Column) -> NumberSummary:
    """Return the summary of one batch's (N,) column."""
    numbers, present = to_axis(column, array)
    return NumberSummary(Tally.of(numbers[present]), int((~present).sum()))


def merge(first: NumberSummary, second: NumberSummary) -> NumberSummary:
    """Return the summary of both batches' rows."""
    return NumberSummary(first.tally + second.tally, first.nulls + second.nulls)


def settle(summary: NumberSummary, column: Column) -> NumberStatistics:
    """Return what is kept of a summary: spikes and quantiles, no rare number but the extremes."""
    tally, decimals = summary.tally, None
    if column.kind == "number":
        decimals = observed_decimals(tally.values, column.decimals)
        if decimals is not None:
            units = whole(tally.values, decimals)
            tally = Tally(units, tally.counts, 1 if tally.thinned else common_step(units))
    spikes = _is_spike(tally)
    ends = column.sensitivity not in CLASSIFIED
    regular = None if spikes.all() else quantiles(tally.pick(~spikes), tally, ends=ends)
    return NumberStatistics(decimals, tally.values[spikes], regular, summary.nulls > 0)


def encode(
    array: pa.Array, statistics: NumberStatistics, column: Column, *, generator: torch.Generator | None
) -> tuple[NDArray[np.int64], NDArray[np.float32] | None]:
    """Return the (N,) codes and, where the column has any, the (N,) values.

    Args:
        array: (N,) numbers or nulls.
        statistics: of the column.
        column: of the contract.
        generator: spreads equal numbers over their interval of ranks; None: they take its middle.
    """
    numbers, present = to_axis(column, array)
    units, spikes, regular = whole(numbers, statistics.decimals), statistics.spikes, statistics.regular
    codes = np.full(len(units), UNKNOWN if regular is None else len(spikes), np.int64)
    if len(spikes):
        places = np.minimum(np.searchsorted(spikes, units), len(spikes) - 1)
        codes = np.where(spikes[places] == units, places, codes)
    codes[~present] = statistics.size - 1 if statistics.nulls else UNKNOWN
    if regular is None:
        return codes, None
    values = np.full(len(units), np.nan, np.float32)
    rows = np.flatnonzero(codes == statistics.regular_code)
    values[rows] = regular.scores(units[rows], generator=generator)
    return codes, values


def allowed(conditions: Sequence[Condition], statistics: NumberStatistics, column: Column) -> Allowed:
    """Return the codes, and the interval of the scores, that may meet all conditions on the column."""
    asked = [_on_axis(condition, column) for condition in conditions]
    spikes = _numbers(statistics.spikes, statistics.decimals).tolist()
    codes = [all(one.met_by(spike) for one in asked) for spike in spikes]
    scores = ALL_SCORES
    if statistics.regular is not None:
        scores = _scores(asked, statistics.regular, statistics.decimals)
        codes.append(scores[0] <= scores[1])
    if statistics.nulls:
        codes.append(all(one.met_by(None) for one in asked))
    return Allowed(np.array(codes, bool), scores)


def _on_axis(condition: Condition, column: Column) -> Condition:
    """Return a condition on the column's numbers, counted as `to_axis` does."""
    if condition.value is None:
        return condition
    numbers, _ = to_axis(column, pa.array([condition.value], arrow_type(column)))
    return replace(condition, value=numbers[0].item())


def _numbers(units: Numbers, decimals: int | None) -> Numbers:
    """Return the numbers of (N,) units."""
    return units if decimals is None else units / 10.0**decimals


def _scores(asked: Sequence[Condition], regular: Quantiles, decimals: int | None) -> tuple[float, float]:
    """Return the least and the greatest score whose numbers may meet all conditions; the least is above if none may.

    "Not" this number takes nothing away: what it forbids is a point.
    """

    def first(bound: Condition, operator: Asked) -> float:
        beyond = replace(bound, operator=operator)
        return regular.first(lambda number: beyond.met_by(_numbers(number, decimals).item()))

    low, high = ALL_SCORES
    for one in asked:
        if one.value is None:
            low = np.inf if one.operator == "is" else low
        elif one.operator in (">", ">=", "==", "is"):
            low = max(low, first(one, ">" if one.operator == ">" else ">="))
        if one.value is not None and one.operator in ("<", "<=", "==", "is"):
            end = np.float32(first(one, ">=" if one.operator == "<" else ">"))
            high = min(high, float(np.nextafter(end, np.float32(-np.inf))))
    return (low, high) if low < np.inf and high > -np.inf else (np.inf, -np.inf)


def decode(
    codes: NDArray[np.int64], values: NDArray[np.float32] | None, statistics: NumberStatistics, column: Column
) -> pa.Array:
    """Return the column's (N,) Arrow array of (N,) codes and values."""
    spikes, regular = statistics.spikes, statistics.regular
    table = np.concatenate([spikes, np.zeros(2, spikes.dtype)])  # two more: regular, null
    units = table[codes]
    if regular is not None and values is not None:
        rows = np.flatnonzero(codes == statistics.regular_code)
        units[rows] = regular.numbers(values[rows])
    absent = codes == statistics.size - 1 if statistics.nulls else np.zeros(len(codes), bool)
    return from_axis(column, _numbers(units, statistics.decimals), absent=absent)


def beyond(array: pa.Array, statistics: NumberStatistics, column: Column) -> NDArray[np.float64]:
    """Return by how many nats each of (N,) numbers is the odder for lying outside all that was learned; 0 within.

    The encoding holds such a number at the column's end. The density is let fall beyond it as the square of the
    distance from the middle, in half ranges: a heavy tail, so that no number is infinitely odd.
    """
    numbers, present = to_axis(column, array)
    ends = [statistics.spikes] if statistics.regular is None else [statistics.spikes, statistics.regular.knots]
    known = _numbers(np.concatenate(ends), statistics.decimals).astype(np.float64)
    if not len(known):
        return np.zeros(len(numbers))
    least, greatest = known.min(), known.max()
    half = max((greatest - least) / 2, _LEAST_HALF)
    outside = present & ((numbers < least) | (numbers > greatest))
    distance = np.abs(numbers.astype(np.float64) - (least + greatest) / 2) / half
    return np.where(outside, 2 * np.log(np.maximum(distance, 1.0)), 0.0)


_LEAST_HALF = 1e-9  # of a column with one number: any other is far away


def _is_spike(tally: Tally) -> NDArray[np.bool_]:
    """Return the (U,) mask of the numbers that are kept as such."""
    shared = tally.counts >= KEPT_ROWS
    if shared.sum() <= _SPIKES and 2 * tally.counts[shared].sum() >= tally.rows:  # most rows, or a curve is truer
        return shared
    return shared & (tally.counts >= _SPIKE_SHARE * tally.rows)
