"""Retention: old releases go, the newest, the latest and the pinned stay.

releases/ -> prune -> what stayed and why, what went
"""

from typing import Any

from prefect import flow

from flows.parameters import Retention, takes
from tasks.prune import Pruned, prune

__all__ = ["retain"]


@flow(name="prune", flow_run_name="prune-{to}-keep-{keep}")
@takes(Retention)
def retain(**values: Any) -> Pruned:  # noqa: ANN401 - the signature is that of Retention
    """Remove all releases but the newest of each contract, what `latest.json` names, and what is pinned."""
    asked = Retention(**values)
    return prune(asked.to, keep=asked.keep, pins=asked.pin, meant=asked.remove)


if __name__ == "__main__":
    retain()
