"""A sweep: what each model makes of each contract, seed by seed, in one table.

    contracts x models x seeds -> synthesize, a run for each -> rows of figures -> tabulate
                                                                                   |
                                                                     sweep.parquet, sweep.csv

Runs that are refused or fail are rows of the table, too.  Each is a run of `synthesize` with a page, evidence and a
release of its own; as many are done at a time as the task runner has workers.
"""

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from data_contracts import LikenessError, ReleaseRefusedError, odcs
from flows.page import show_sweep
from flows.parameters import Sweep, takes
from flows.runners import runner
from flows.synthesize import synthesize
from tasks.places import child, read
from tasks.tabulate import tabulate

__all__ = ["Swept", "sweep"]


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep came to.

    Args:
        uri: of the table as Parquet; as CSV it lies beside it.
        rows: of the table: contract, model, seed, verdict, why, seconds, and each score by its name.
    """

    uri: str
    rows: tuple[dict[str, Any], ...]


@flow(name="sweep", flow_run_name="sweep of {contract}", task_runner=runner())
@takes(Sweep)
def sweep(**values: Any) -> Swept:  # noqa: ANN401 - the signature is that of Sweep
    """Run contracts, models and seeds against each other, and write what came of each into one table."""
    asked = Sweep(**values)
    rows = cell.map(list(asked.cells())).result()
    table = tabulate(rows, folder=asked.to, name="sweep")
    show_sweep(rows, table.uri)
    return Swept(table.uri, tuple(rows))


@task(task_run_name="{asked[contract]} by {asked[model]}, seed {asked[seed]}", cache_policy=NO_CACHE)  # a run per call
def cell(asked: dict[str, Any]) -> dict[str, Any]:
    """Run one of the sweep, and return its row; its own shards are drawn one after the other."""
    begun = time.monotonic()
    alone = synthesize.with_options(task_runner=runner("threads:1"))
    state = cast("State[Any]", alone(**asked, return_state=True))
    row = {"contract": Path(asked["contract"]).stem, "model": asked["model"] or "", "seed": asked["seed"]}
    row |= {"verdict": "passed", "why": "", "seconds": round(time.monotonic() - begun, 1)}
    return row | _came_to(state.result(raise_on_failure=False)) | _evidence(state, asked)


def _came_to(found: object) -> dict[str, Any]:
    """Return how a run ended, where it did not pass: by name alone where its message could quote a cell."""
    if isinstance(found, ReleaseRefusedError):
        return {"verdict": "refused"}
    if isinstance(found, LikenessError):
        return {"verdict": "failed", "why": str(found)}
    return {"verdict": "failed", "why": type(found).__name__} if isinstance(found, BaseException) else {}


def _evidence(state: State[Any], asked: dict[str, Any]) -> dict[str, Any]:
    """Return the model and the scores that a run's evidence has; nothing where it did not come so far."""
    with suppress(LikenessError):
        contract = odcs.load(odcs.find(asked["contract"])).id
        found = read(child(asked["runs"], contract, str(state.state_details.flow_run_id), "evidence.json"))
        return _figures(json.loads(found)) if found else {}
    return {}


def _figures(facts: dict[str, Any]) -> dict[str, Any]:
    missed = [check["score"] for check in facts["verdict"]["checks"] if not check["passed"]]
    scores = {one["name"]: one["value"] for one in facts["scores"]}
    return {
        "model": facts["model"]["name"],
        "why": ", ".join(missed),
        "train_seconds": facts["model"]["seconds"],
        **scores,
    }


if __name__ == "__main__":
    sweep(contract=["adult"], model=["trees", "gmm"], seeds=1, rows=2000)
