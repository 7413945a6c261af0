"""Upscaling: small images enlarged as a contract's images teach, beside what a plain kernel makes of them.

    contract -> ingest -> validate -> split -> fit_upscaling -> judge_upscaling
                                                                        |
    small images -> miniature -> ingest -> validate ----------------> upscale -> images.parquet, images.json

The small images are looked at first: what is amiss with them is told before a model is trained.
"""

from typing import Any

from prefect import flow

from data_contracts import odcs
from flows.page import show_upscaled
from flows.parameters import Upscaling, takes
from flows.runners import runner
from flows.sources import read_source
from tasks.fit_upscaling import fit_upscaling
from tasks.judge_upscaling import judge_upscaling
from tasks.miniature import miniature
from tasks.open_run import open_run
from tasks.places import child
from tasks.split import split
from tasks.upscale import Upscaled, upscale

__all__ = ["upscaling"]


@flow(name="upscale", flow_run_name="{data} as {contract}", task_runner=runner())
@takes(Upscaling)
def upscaling(**values: Any) -> Upscaled:  # noqa: ANN401 - the signature is that of Upscaling
    """Enlarge small images as a contract's images teach, and say how well that is done."""
    asked = Upscaling(**values)
    contract = odcs.load(odcs.find(asked.contract))
    terms = miniature(contract, asked.data, factor=asked.factor)
    run = open_run(contract, runs=asked.runs, releases=None)
    aside = child(run, "small")
    small = read_source(terms, run=aside, source=asked.data)
    source = read_source(contract, run=run, source=asked.source)
    parts = split(contract, source, run=run, seed=asked.seed)
    trained = fit_upscaling(
        contract,
        parts.train,
        run=run,
        factor=asked.factor,
        seed=asked.seed,
        budget_seconds=asked.budget,
        steps=asked.steps,
    )
    judged = judge_upscaling(contract, trained, parts, run=run, seed=asked.seed)
    enlarged = upscale(terms, small, trained, judged, run=run, to=asked.to, draw=asked.draw, seed=asked.seed)
    show_upscaled(enlarged)
    return enlarged


if __name__ == "__main__":
    upscaling()
