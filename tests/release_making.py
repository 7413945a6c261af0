"""Releases for tests, made by the real steps from a small table; only the scores are given, for a test to choose."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from data_contracts import Column, Contract, Threshold
from data_contracts.arrow import arrow_schema
from tasks.compare import compare
from tasks.generate import generate
from tasks.parquet import write_parquet
from tasks.publish import Release, publish
from tasks.references import Challenger, Judgement, Reference, Score, Scores, Selected, Split, Trained, Verdict
from tasks.releases.layout import releases
from tasks.releases.shelf import view
from tasks.report import report
from tasks.shards import Shard
from tasks.train import train

ROWS = 300
SHAPES = Threshold("column_shapes", "wrong margins are seen", minimum=0.9)
CONTRACT = Contract(
    id="trips",
    version="1.0.0",
    name="trips",
    licence="CC BY 4.0",
    columns=(
        Column(name="trip", kind="id", unique=True, primary_key=True, pattern=r"T-[0-9]{6}"),
        Column(name="city", kind="category", values=("Bonn", "Graz", "Linz")),
        Column(name="km", kind="number", decimals=1, minimum=0),
        Column(name="paid", kind="boolean"),
        Column(name="day", kind="date"),
    ),
    gate=(SHAPES,),
)
EVERYTHING = {"where": [], "share": []}
PARAMETERS = {"model": None, "rows": None, "seed": 0, "margin": 0.02}


def real_table(rows: int = ROWS, *, seed: int = 0, shift: float = 0.0) -> pa.Table:
    rng = np.random.default_rng(seed)
    columns = {
        "trip": [f"T-{place:06}" for place in range(rows)],
        "city": rng.choice(["Bonn", "Graz", "Linz"], rows, p=[0.6, 0.3, 0.1]),
        "km": np.round(rng.gamma(2, 10, rows) + shift, 1),
        "paid": rng.random(rows) < 0.8,
        "day": pa.array(rng.integers(18_000, 19_000, rows), pa.int32()).cast(pa.date32()),
    }
    return pa.table({name: pa.array(columns[name]) for name in CONTRACT.names}).cast(arrow_schema(CONTRACT))


@dataclass(frozen=True)
class Made:
    """What a run has before it publishes."""

    run: Path
    contract: Contract
    real: Reference
    trained: Trained
    synthetic: Reference
    beside: tuple[Reference, ...] = ()

    def published(
        self,
        root: Path | str,
        *,
        contract: Contract | None = None,
        shapes: float = 0.97,
        margin: float = 0.02,
        rows: int = 1_000_000,
        selection: dict[str, list[str]] | None = None,
        seed: int | None = None,
    ) -> Release:
        """Compare, report and publish, with a score that a test may choose.

        Unless a seed is named, another one stands in the parameters each time: the very same is not published again.
        """
        contract = contract or self.contract
        folder = view(str(root), contract.id)
        before = len(releases(folder)) if folder.is_dir() else 0
        parameters = {**PARAMETERS, "seed": before if seed is None else seed}
        scores = (Score("column_shapes", shapes, "sdmetrics.QualityReport", "0.32.0", 0, {"train": rows}, floor=0.99),)
        verdict = Verdict((Judgement(SHAPES, shapes, passed=shapes >= 0.9),))
        words = selection or EVERYTHING
        challenger = Challenger(self.real, self.synthetic, words, scores, verdict=verdict, margin=margin)
        standing = compare.fn(contract, challenger, run=str(self.run), root=str(root))
        parts = Split(self.real, self.real)
        evidence = report.fn(
            contract,
            run=str(self.run),
            source=self.real,
            selected=Selected(parts, parts, words),
            trained=self.trained,
            synthetic=self.synthetic,
            scores=Scores(str(self.run), "", scores),
            standing=standing,
        )
        return publish.fn(
            contract,
            evidence,
            run=str(self.run),
            trained=self.trained,
            standing=standing,
            parameters=parameters,
            root=str(root),
            beside=self.beside,
        )


def made(
    run: Path,
    table: pa.Table | None = None,
    *,
    contract: Contract = CONTRACT,
    model: str = "gmm",
    steps: int = 2,
    rows: int = ROWS,
) -> Made:
    """Train and generate."""
    table = real_table() if table is None else table
    real = write_parquet(run / "train.parquet", table.to_batches(), schema=arrow_schema(contract))
    trained = train.fn(contract, real, run=str(run), model=model, steps=steps)
    synthetic = generate.fn(contract, trained, run=str(run), shard=Shard(rows))
    return Made(run, contract, real, trained, synthetic)
