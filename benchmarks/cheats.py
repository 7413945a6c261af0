"""Planted cheats before the project's own gate: which threshold refuses which, and whether real rows pass.

    python -m benchmarks.cheats [tables | images] [--rows N] [--seed S] [--write]

Adult's rows, or Fashion-MNIST's, are dealt at random into train, as many fresh rows, and a holdout of a tenth; each
cheat makes as many rows as train has.  The table is printed; `--write` puts it into docs/scores.md.  Exit status 1: a
cheat was not refused by the threshold that is there for it, or the fresh rows were.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.report import spliced
from data_contracts import Contract
from data_contracts.odcs import find, load
from flows.gate import judge
from tasks.parquet import read_table
from tasks.references import Score, Verdict
from tasks.scoring import measure

__all__ = ["CHEATS", "Cheat", "Parts", "deal", "judged", "refusals", "told"]

_ROOT = Path(__file__).parents[1]
_HELD_OUT = 0.1
_NOISE = 0.02  # standard deviations
_COPIED = 0.05  # of the rows

SHOWN = {
    "column_shapes": "shapes",
    "column_pair_trends": "trends",
    "two_sample_train": "two-sample",
    "beta_recall": "β-recall",
    "utility_gap": "utility gap",
    "copies_excess": "copies excess",
    "membership_auc": "AUC distance",
    "domias_auc": "AUC density",
    "singling_out_risk": "singling out",
    "linkability_risk": "linking",
    "inference_risk": "inference",
}
"""The scores of the table, and what their columns are called."""


@dataclass(frozen=True)
class Parts:
    """Three tables that share no row, but for rows that are equal by chance."""

    train: pa.Table
    holdout: pa.Table
    fresh: pa.Table


@dataclass(frozen=True)
class Cheat:
    """A synthesizer that cheats.

    Args:
        make: its rows.
        refused_by: the thresholds that are there for it; each must refuse it.
    """

    make: Callable[[Parts, np.random.Generator], pa.Table]
    refused_by: tuple[str, ...]


def _shuffled(parts: Parts, rng: np.random.Generator) -> pa.Table:
    columns = [column.combine_chunks().take(pa.array(rng.permutation(len(column)))) for column in parts.train.columns]
    return pa.Table.from_arrays(columns, schema=parts.train.schema)


def _noisy(parts: Parts, rng: np.random.Generator) -> pa.Table:
    """Move every number a little, within its range."""
    table = parts.train
    for place, field in enumerate(table.schema):
        if pa.types.is_integer(field.type) or pa.types.is_floating(field.type):
            values = table.column(place).combine_chunks()
            ends = pc.min_max(values).as_py()
            noise = rng.normal(scale=_NOISE * (pc.stddev(values).as_py() or 0), size=len(values))
            moved = pc.add(values.cast(pa.float64()), pa.array(noise))
            moved = pc.round(moved) if pa.types.is_integer(field.type) else moved
            kept = pc.min_element_wise(pc.max_element_wise(moved, float(ends["min"])), float(ends["max"]))
            table = table.set_column(place, field, pc.if_else(values.is_null(), None, kept).cast(field.type))
    return table


def _some_copied(parts: Parts, rng: np.random.Generator) -> pa.Table:
    count = round(_COPIED * len(parts.fresh))
    copied = parts.train.take(pa.array(rng.permutation(len(parts.train))[:count]))
    return pa.concat_tables([parts.fresh.slice(count), copied])


CHEATS = {
    "a fresh real sample": Cheat(lambda parts, _: parts.fresh, ()),
    "train itself": Cheat(
        lambda parts, _: parts.train,
        ("copies_excess", "membership_auc", "domias_auc", "singling_out_risk", "linkability_risk", "inference_risk"),
    ),
    "train drawn with replacement": Cheat(
        lambda parts, rng: parts.train.take(pa.array(rng.integers(len(parts.train), size=len(parts.train)))),
        ("copies_excess", "membership_auc", "domias_auc"),
    ),
    "one row in twenty copied, the others fresh": Cheat(_some_copied, ("copies_excess",)),
    "tiny noise on train's numbers": Cheat(
        _noisy, ("membership_auc", "domias_auc", "linkability_risk", "inference_risk")
    ),
    "columns shuffled": Cheat(_shuffled, ("two_sample_train",)),
    "one row repeated": Cheat(
        lambda parts, _: parts.fresh.take([0] * len(parts.train)), ("column_shapes", "two_sample_train", "beta_recall")
    ),
}
"""Each cheat, and the thresholds of the project that are there for it."""


def deal(table: pa.Table, seed: int) -> Parts:
    """Deal a table's rows into train, holdout and fresh rows."""
    order = np.random.default_rng(seed).permutation(len(table))
    held = round(_HELD_OUT * len(table))
    half = (len(table) - held) // 2
    cuts = {"holdout": (0, held), "train": (held, held + half), "fresh": (held + half, held + 2 * half)}
    return Parts(**{name: table.take(pa.array(order[slice(*cut)])) for name, cut in cuts.items()})


def judged(cheat: Cheat, parts: Parts, contract: Contract, *, seed: int) -> tuple[dict[str, Score], Verdict]:
    """Return a cheat's scores by name, and the verdict of the project's own thresholds."""
    made = cheat.make(parts, np.random.default_rng(seed))
    scores = measure(contract, train=parts.train, holdout=parts.holdout, synthetic=made, seed=seed).scores
    return {score.name: score for score in scores}, judge(replace(contract, gate=()), scores)


def refusals(verdict: Verdict) -> list[str]:
    """Return the scores whose thresholds refuse; of a model there is none, for none drew these rows."""
    refused = [judgement.threshold.score for judgement in verdict.judgements if not judgement.passed]
    return [score for score in refused if not score.startswith("model_")]


def told(
    cheats: Mapping[str, Cheat], shown: Mapping[str, str], parts: Parts, contract: Contract, *, seed: int
) -> tuple[str, list[str]]:
    """Judge every cheat; return the table, and what was not as it should be, a line each.

    Args:
        cheats: by name.
        shown: the scores that are columns of the table, and what these are called.
        parts: the real rows.
        contract: of these.
        seed: of cheats and scores.
    """
    lines = [f"| rows made | {' | '.join(shown.values())} | refused by |", "|---" * (len(shown) + 2) + "|"]
    missed = []
    for name, cheat in cheats.items():
        began = time.process_time()
        scores, verdict = judged(cheat, parts, contract, seed=seed)
        refused = refusals(verdict)
        figures = [f"{scores[score].value:.3f}".replace("0.", ".") for score in shown]
        lines.append(f"| {name} | {' | '.join(figures)} | {', '.join(f'`{each}`' for each in refused) or '–'} |")  # noqa: RUF001
        print(lines[-1], f"{time.process_time() - began:.0f} s", file=sys.stderr, flush=True)
        missed += [f"{name}: {score}" for score in cheat.refused_by if score not in refused]
        missed += [f"{name} is refused by {refused}"] if refused and not cheat.refused_by else []
    sizes = f"Train {len(parts.train):,} rows, holdout {len(parts.holdout):,}, each cheat {len(parts.train):,}"
    return "\n".join([f"{sizes}; seed {seed}.", "", *lines]), missed


def main() -> int:
    """Judge every cheat and print the table."""
    asked = _arguments()
    table, contract, cheats, shown = _tables() if asked.of == "tables" else _images()
    parts = deal(table.slice(0, asked.rows or len(table)), asked.seed)
    written, missed = told(cheats, shown, parts, contract, seed=asked.seed)
    print(written)
    if asked.write:
        _write(written, "cheats" if asked.of == "tables" else "image cheats")
    print("\n".join(missed), file=sys.stderr)
    return 1 if missed else 0


def _tables() -> tuple[pa.Table, Contract, Mapping[str, Cheat], Mapping[str, str]]:
    return read_table(_ROOT / "datasets" / "adult.parquet"), load(find("adult")), CHEATS, SHOWN


def _images() -> tuple[pa.Table, Contract, Mapping[str, Cheat], Mapping[str, str]]:
    from benchmarks import image_cheats

    table = read_table(_ROOT / "datasets" / "fashion_mnist.parquet")
    return table, load(find("fashion_mnist")), image_cheats.CHEATS, image_cheats.SHOWN


def _write(text: str, name: str) -> None:
    """Put the table between its marks in docs/scores.md."""
    path = _ROOT / "docs" / "scores.md"
    marks = f"<!-- {name}: written by benchmarks/cheats.py -->", f"<!-- {name}: end -->"
    path.write_text(spliced(path.read_text(), text, marks=marks))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("of", nargs="?", choices=("tables", "images"), default="tables")
    parser.add_argument("--rows", type=int, help="of the dataset; all of them unless said otherwise")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="put the table into docs/scores.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
