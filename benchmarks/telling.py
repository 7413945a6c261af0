"""How well a published model's own score tells rows that it learned from: whoever has the release can ask it.

    python benchmarks/telling.py [--contract adult] [--models trees gmm vae gan] [--rows 10000] [--seed 0]

The area under the ROC curve between rows of train and the rows held out, .5 if nobody is told, and which share of
train is above all but one in a hundred of those held out, .01 if nobody is.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

if not __package__:  # run as a file: imports begin at the root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from sklearn.metrics import roc_auc_score

from data_contracts import odcs
from flows import embedded
from tasks.detecting.scoring import Scorer
from tasks.parquet import read_sample
from tasks.references import Reference


def main() -> None:
    """Train each model, and print what its score tells."""
    asked = _parse()
    embedded.configure()
    embedded.start()()
    from tasks.ingest import ingest
    from tasks.split import split
    from tasks.train import train

    contract = odcs.load(odcs.find(asked.contract))
    with TemporaryDirectory() as run:
        parts = split.fn(contract, ingest.fn(contract, run=run), run=run, seed=asked.seed)
        for name in asked.models:
            trained = train.fn(contract, parts.train, run=run, model=name, seed=asked.seed, budget_seconds=asked.budget)
            scorer = Scorer.load(contract, Path(trained.uri))
            known, held = (_scores(scorer, part, asked.rows, asked.seed) for part in (parts.train, parts.holdout))
            labels = np.repeat([True, False], [len(known), len(held)])
            area = roc_auc_score(labels, np.concatenate([known, held]))
            told = (known > np.quantile(held, 0.99)).mean()
            print(
                f"{name}: {area:.4f}, of the most usual {told:.4f}; {len(known):,} and {len(held):,} rows", flush=True
            )


def _scores(scorer: Scorer, part: Reference, rows: int, seed: int) -> NDArray[np.float64]:
    """Return the scores of (N,) rows of a part, higher for more usual ones."""
    table = read_sample(Path(part.uri), rows=rows, seed=seed)
    return -np.concatenate([scorer.of(batch).scores for batch in table.combine_chunks().to_batches(10_000)])


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--contract", default="adult")
    add("--models", nargs="+", default=["trees", "autoregressive", "gmm", "vae", "gan"])
    add("--rows", type=int, default=10_000, help="of either part, at most")
    add("--seed", type=int, default=0)
    add("--budget", type=float, help="seconds of each training; none: its own plan")
    return parser.parse_args()


if __name__ == "__main__":
    main()
