"""The three risks that European regulators name: singling out, linkability, inference, each against the holdout.

Method: Giomi et al.: A Unified Framework for Quantifying Privacy Risk in Synthetic Data, 2023,
https://arxiv.org/abs/2211.10459.  An attack by the synthetic rows is tried on rows of train and, as control, on as many
of the holdout: what works on both is knowledge of the world, what works better on train is a leak.  The risk is
(attack - control) / (1 - control), of rates of success.  Distances are Gower's: a number's difference over its
range, 1 for another category; whole numbers of 2^-20 each, so that sums are exact on every machine.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.references import Score
from tasks.scoring import chance
from tasks.scoring.chance import Estimate
from tasks.scoring.frames import Frame, Tables, generator, join, sample
from tasks.scoring.predicates import Predicate, isolated, singling_out

__all__ = ["RISKS", "Attacked", "attacked", "residual", "risks"]

RISKS = ("singling_out_risk", "linkability_risk", "inference_risk")
"""The names of these scores, in order."""

_TARGETS = 2_000  # rows of train, and as many of the holdout: the standard error of a rate is .011 at most
_SINGLED = 30_000  # rows of each table among which predicates single out
_SYNTHETIC = 30_000  # synthetic rows that are searched
_OPERATIONS = 2e9  # differences taken: some 7 s on one core
_SECRETS = 30  # columns that are guessed; drawn where there are more
_UNIT = 1 << 20  # the distance of two categories
_TILE = (256, 2048)  # rows by rows taken at a time: 2 MB, which stays in the processor's cache
_TOLERANCE = 0.05  # standard deviations by which the guess of a number may be off


def risks(tables: Tables, seed: int) -> tuple[Score, ...]:
    """Return the three risks; 0, with a note, where a table has too few columns for an attack."""
    rng = generator(seed, "risks")
    size = min(len(tables.train), len(tables.holdout), _TARGETS)
    columns = len(tables.train.features.names)
    most = int(min(_SYNTHETIC, _OPERATIONS / (2 * size * max(columns, 1))))
    targets, control = (sample(frame, size, rng=rng) for frame in (tables.train, tables.holdout))
    synthetic = sample(tables.synthetic, max(most, 1), rng=rng)
    rows = {"train": size, "holdout": size, "synthetic": len(synthetic)}
    halves = rng.permutation(columns) % 2
    secrets = np.sort(rng.permutation(columns)[:_SECRETS])
    found = [attacked(frame, synthetic, halves, secrets) for frame in (targets, control)] if columns > 1 else []
    return (
        _singling_out(tables, seed),
        _linkability(found, rows, seed),
        _inference(found, [tables.train.features.names[secret] for secret in secrets], rows, seed),
    )


def residual(attack: Estimate, control: Estimate) -> Estimate:
    """Return what success an attack has beyond the control's, of what it could have; 0 to 1, errors propagated.

    The middles of both intervals count as rates, as Anonymeter has it.  Where the control succeeds always there is
    nothing left to learn, and where no attack could be made nothing is at risk: 0.
    """
    if np.isnan(attack.value + control.value):
        return _NOTHING
    (one, half), (other, beside) = ((_middle(each), (each.high - each.low) / 2) for each in (attack, control))
    if other >= 1:
        return _NOTHING
    value = (one - other) / (1 - other)
    error = float(np.hypot(half / (1 - other), beside * (1 - one) / (1 - other) ** 2))
    return Estimate(*(min(max(each, 0.0), 1.0) for each in (value, value - error, value + error)))


_NOTHING = Estimate(0.0, 0.0, 0.0)


def _middle(rate: Estimate) -> float:
    return (rate.low + rate.high) / 2


@dataclass(frozen=True, slots=True)
class Attacked:
    """What two attacks reach on N rows.

    Args:
        linked: (N,) the nearest synthetic row by one half of the columns is the nearest by the other half.
        guessed: (N, S) the secret is that of the nearest synthetic row by all other columns.
    """

    linked: NDArray[np.bool_]
    guessed: NDArray[np.bool_]


def attacked(targets: Frame, synthetic: Frame, halves: NDArray[np.int64], secrets: NDArray[np.int64]) -> Attacked:
    """Return what both attacks reach on targets (N,), by synthetic rows (M,).

    Args:
        targets: rows that are attacked.
        synthetic: rows that the attacker has.
        halves: (C,) 0 or 1, which half of the columns each is of.
        secrets: (S,) positions of the columns that are guessed.
    """
    best = _search(targets, synthetic, halves, secrets)
    guessed = [_equal(targets, synthetic.take(best[2 + place]), secret) for place, secret in enumerate(secrets)]
    return Attacked(best[0] == best[1], np.column_stack(guessed))


def _search(
    targets: Frame, synthetic: Frame, halves: NDArray[np.int64], secrets: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the nearest synthetic row (2 + S, N): by either half of the columns, then by all but each secret."""
    left, right = _units(targets, synthetic), _units(synthetic, targets)
    best = np.zeros((2 + len(secrets), len(targets)), np.int64)
    least = np.full(best.shape, np.iinfo(np.int32).max, np.int32)
    for rows, columns in _tiles(len(targets), len(synthetic)):
        parts = [_differences(column, left, right, rows, columns) for column in range(len(halves))]
        sums = [sum(part for part, side in zip(parts, halves, strict=True) if side == half) for half in (0, 1)]
        whole = sums[0] + sums[1]
        for place, distance in enumerate([*sums, *(whole - parts[secret] for secret in secrets)]):
            position = distance.argmin(axis=1)
            found = distance[np.arange(len(position)), position]
            better = found < least[place, rows]
            least[place, rows][better] = found[better]
            best[place, rows][better] = position[better] + columns.start
    return best


@dataclass(frozen=True, slots=True)
class _Units:
    """Rows in whole numbers: numbers (N, P) in 2^-20 of their range, codes (N, Q); which numbers are null (N, P)."""

    numbers: NDArray[np.int32]
    codes: NDArray[np.int32]
    null: NDArray[np.bool_]


def _units(frame: Frame, beside: Frame) -> _Units:
    """Return a frame's rows in units of the range that both frames' known numbers span."""
    null, count = np.isnan(frame.numbers), frame.numbers.shape[1]
    known = [column[~np.isnan(column)] for column in np.concatenate([frame.numbers, beside.numbers]).T]
    low, high = (
        np.array([end(column) if len(column) else 0.0 for column in known]).reshape(count) for end in (np.min, np.max)
    )
    scaled = (frame.numbers - low) / np.where(high > low, high - low, 1) * _UNIT
    return _Units(np.where(null, 0, np.round(scaled)).astype(np.int32), frame.codes, null)


def _differences(column: int, left: _Units, right: _Units, rows: slice, columns: slice) -> NDArray[np.int32]:
    """Return the difference of every row to every other in one column (rows, columns); null equals null alone."""
    numbers = left.numbers.shape[1]
    if column >= numbers:
        other = left.codes[rows, column - numbers, None] != right.codes[columns, column - numbers]
        return np.where(other, np.int32(_UNIT), np.int32(0))
    difference: NDArray[np.int32] = np.abs(left.numbers[rows, column, None] - right.numbers[columns, column])
    one, two = left.null[rows, column], right.null[columns, column]
    if one.any() or two.any():
        difference = np.where(one[:, None] != two, np.int32(_UNIT), difference)
        difference[one[:, None] & two] = 0
    return difference


def _tiles(rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
    for start in range(0, rows, _TILE[0]):
        for left in range(0, columns, _TILE[1]):
            yield slice(start, min(start + _TILE[0], rows)), slice(left, min(left + _TILE[1], columns))


def _equal(targets: Frame, guesses: Frame, column: int) -> NDArray[np.bool_]:
    """Return (N,) whether a guess is right: the same category, or a number off by a twentieth of a deviation."""
    numbers = len(targets.features.numbers)
    if column >= numbers:
        right: NDArray[np.bool_] = targets.codes[:, column - numbers] == guesses.codes[:, column - numbers]
        return right
    one, other = targets.standardised[:, column], guesses.standardised[:, column]
    near: NDArray[np.bool_] = (np.abs(one - other) <= _TOLERANCE) | (np.isnan(one) & np.isnan(other))
    return near


def _singling_out(tables: Tables, seed: int) -> Score:
    """Return the risk that a predicate which fits one synthetic row alone fits one real row alone, and that of train.

    Real rows are train's and the holdout's together: who is singled out among all of them is one of train's as often as
    there are more of these, unless the synthetic rows were made of them.
    """
    rng = generator(seed, "singling_out")
    train, holdout, synthetic = (sample(frame, _SINGLED, rng=rng) for frame in tables)
    predicates: list[Predicate] = singling_out(synthetic, rng)
    members = isolated(join(train, holdout), predicates, first=len(train))
    attack, control = (chance.wilson(float((members == member).sum()), len(predicates)) for member in (1, 0))
    control = _scaled(control, len(train) / len(holdout))
    risk = residual(attack, control)
    note = _rates(attack, control) if predicates else "no predicate singles out a synthetic row"
    rows = {"train": len(train), "holdout": len(holdout), "synthetic": len(synthetic)}
    return _score("singling_out_risk", risk, note, rows, seed)


def _scaled(rate: Estimate, factor: float) -> Estimate:
    """Return a rate in another number of rows, its interval about it."""
    half = (rate.high - rate.low) / 2 * factor
    return Estimate(rate.value * factor, rate.value * factor - half, rate.value * factor + half)


def _linkability(found: list[Attacked], rows: dict[str, int], seed: int) -> Score:
    """Return the risk that two parts of a person's columns can be put together by a synthetic row."""
    if not found:
        return _score("linkability_risk", _NOTHING, "there are no two columns to link", rows, seed)
    attack, control = (chance.wilson(float(each.linked.sum()), len(each.linked)) for each in found)
    return _score("linkability_risk", residual(attack, control), _rates(attack, control), rows, seed)


def _inference(found: list[Attacked], names: list[str], rows: dict[str, int], seed: int) -> Score:
    """Return the risk that a value is guessed from a row's others, over all columns; the worst is named, luck aside."""
    if not found:
        return _score("inference_risk", _NOTHING, "there are no two columns to infer from", rows, seed)
    attack, control = (chance.mean(each.guessed.mean(axis=1)) for each in found)
    single = [
        residual(*(chance.wilson(float(each.guessed[:, place].sum()), len(each.guessed)) for each in found))
        for place in range(len(names))
    ]
    worst = max(range(len(names)), key=lambda place: single[place].low)
    most = f"; most for {names[worst]}, {single[worst].value:.3f}" if single[worst].low > 0 else ""
    note = _rates(attack, control) + most
    return _score("inference_risk", residual(attack, control), note, rows, seed)


def _rates(attack: Estimate, control: Estimate) -> str:
    return f"{attack.value:.3f} of attacks succeed on train, {control.value:.3f} on the holdout"


def _score(name: str, risk: Estimate, note: str, rows: dict[str, int], seed: int) -> Score:
    record: dict[str, Any] = {"version": f"numpy {np.__version__}", "seed": seed, "rows": rows, "floor": 0.0}
    return Score(name, risk.value, "tasks.scoring.risks.residual", note=note, interval=risk.interval, **record)
