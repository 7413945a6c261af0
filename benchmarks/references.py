"""The three privacy risks beside Anonymeter's, on Adult with planted leaks: what `tasks.scoring.risks` must agree with.

    python -m benchmarks.references

Anonymeter runs in an environment of its own (`peers/anonymeter.txt`), on the same rows: all holdout rows, and as many
of train.  Linking and guessing must agree but for ties, whose order is each one's own; singling out draws its own
predicates, and agrees within the interval.
"""

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.cheats import CHEATS, deal
from benchmarks.contenders import build
from data_contracts.odcs import find, load
from tasks.parquet import read_table
from tasks.scoring import chance
from tasks.scoring.frames import Frame, Tables, frames
from tasks.scoring.predicates import COLUMNS
from tasks.scoring.risks import attacked, residual, risks

_ROOT = Path(__file__).parents[1]
_ENVIRONMENTS = Path("~/.cache/likeness-benchmark/environments").expanduser()
_MADE = ("a fresh real sample", "one row in twenty copied, the others fresh", "tiny noise on train's numbers")
_SECRETS = ("occupation", "income", "native_country")
_ROWS = 15_000  # of Adult: 1,500 held out


def main() -> None:
    """Print both, cheat by cheat."""
    python = build("anonymeter", _ENVIRONMENTS)
    if python is None:
        raise SystemExit("Anonymeter's environment can be built, however: pip refused. Read what it says above.")
    parts = deal(read_table(_ROOT / "datasets" / "adult.parquet").slice(0, _ROWS), seed=0)
    train = parts.train.slice(0, len(parts.holdout))
    contract = load(find("adult"))
    print("| rows made | risk | ours | Anonymeter |\n|---|---|---|---|")
    for name in _MADE:
        made = CHEATS[name].make(parts, np.random.default_rng(0)).slice(0, 6_000)
        tables = frames(contract, train=train, holdout=parts.holdout, synthetic=made)
        halves = np.arange(len(tables.train.features.names)) % 2
        ours, theirs = _ours(tables, halves), _theirs(python, tables, halves)
        for risk, other in theirs.items():
            print(f"| {name} | {risk} | {_words(ours[risk])} | {_words(other)} |", flush=True)


def _ours(tables: Tables, halves: np.ndarray) -> dict[str, list[float]]:
    """Return the risks with their intervals."""
    names = tables.train.features.names
    secrets = np.array([names.index(secret) for secret in _SECRETS])
    found = [attacked(frame, tables.synthetic, halves, secrets) for frame in (tables.train, tables.holdout)]
    successes = {"linkability_risk": [each.linked.sum() for each in found]}
    for place, secret in enumerate(_SECRETS):
        successes[f"inference_risk of {secret}"] = [each.guessed[:, place].sum() for each in found]
    rates = {name: [chance.wilson(float(count), len(tables.train)) for count in two] for name, two in successes.items()}
    single = next(one for one in risks(tables, 0) if one.name == "singling_out_risk")
    return {
        **{name: list(residual(*two)) for name, two in rates.items()},
        single.name: [single.value, *(single.interval or ())],
    }


def _theirs(python: Path, tables: Tables, halves: np.ndarray) -> dict[str, list[float]]:
    """Return the risks with their intervals, as Anonymeter has them."""
    names = tables.train.features.names
    asked = {
        "halves": [[name for name, side in zip(names, halves, strict=True) if side == half] for half in (0, 1)],
        "secrets": _SECRETS,
        "columns": COLUMNS,
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, frame in zip(("targets", "control", "synthetic"), tables, strict=True):
            _plain(frame).to_parquet(Path(folder) / f"{name}.parquet")
        (Path(folder) / "asked.json").write_text(json.dumps(asked))
        script = [str(python), str(_ROOT / "benchmarks" / "peers" / "risks.py"), folder]
        told = subprocess.run(script, check=True, capture_output=True, text=True).stdout
    risks: dict[str, list[float]] = json.loads(told.splitlines()[-1])
    return risks


def _plain(frame: Frame) -> pd.DataFrame:
    """Return numbers, and categories as texts; null is one of them."""
    numbers = dict(zip(frame.features.numbers, frame.numbers.T, strict=True))
    codes = {
        name: [f"c{code}" for code in codes]
        for name, codes in zip(frame.features.categories, frame.codes.T, strict=True)
    }
    return pd.DataFrame({**numbers, **codes})


def _words(risk: list[float]) -> str:
    value, low, high = risk
    return f"{value:.4f} ({low:.4f} to {high:.4f})"


if __name__ == "__main__":
    main()
