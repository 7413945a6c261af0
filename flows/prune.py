"""Retention: old releases go, the newest, the latest and the pinned stay; old runs go, where that is asked for.

releases/ -> prune -> what stayed and why, what went
runs/ ---> clear -> what went
"""

from typing import Any

from prefect import flow

from flows.parameters import Retention, takes
from tasks.clear import clear
from tasks.prune import Pruned, prune

__all__ = ["retain"]


@flow(name="prune", flow_run_name="prune-{to}-keep-{keep}")
@takes(Retention)
def retain(**values: Any) -> Pruned:  # noqa: ANN401 - the signature is that of Retention
    """Remove all releases but the newest of each contract, the latest and the pinned; and old runs."""
    asked = Retention(**values)
    pruned = prune(asked.to, keep=asked.keep, pins=asked.pin, meant=asked.remove)
    clear(asked.runs, days=asked.days, meant=asked.remove)
    return pruned


if __name__ == "__main__":
    retain()
