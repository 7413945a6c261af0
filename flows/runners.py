"""Where the tasks of a flow are done that do not wait for one another: `LIKENESS_TASK_RUNNER` says it.

    threads         in this process, two at a time; the default
    threads:4       in this process, four at a time
    dask            in processes on this machine, one a processor, which come and go with the run
    dask:tcp://scheduler:8786      on a Dask cluster that is there

What is done is the same on all of them, to the byte; only how soon is not.
"""

import os
import re
from typing import Any

from prefect.context import FlowRunContext
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from data_contracts import LikenessError

__all__ = ["RUNNER", "apart", "runner", "spreads"]

RUNNER = "LIKENESS_TASK_RUNNER"
"""The variable of the environment."""

_THREADS = 2
"""One shard is decoded and written while the next is drawn, on all processors: a third would only take memory."""


def runner(word: str | None = None) -> TaskRunner[Any]:
    """Return the task runner of a word; None: that of the environment.

    Raises:
        LikenessError: there is none of that name, or it is not installed.
    """
    word = os.environ.get(RUNNER, "") if word is None else word
    kind, _, rest = (word or "threads").partition(":")
    if kind == "threads" and re.fullmatch(r"([1-9]\d{0,3})?", rest):
        return ThreadPoolTaskRunner(max_workers=int(rest or _THREADS))
    if kind == "dask" and re.fullmatch(r"((tcp|tls|ws|wss|ucx)://.+)?", rest):
        return _dask(rest)
    raise LikenessError(
        "the task runner is one of threads, threads:N, dask, dask:tcp://HOST:PORT",
        f"{RUNNER} asks for another",
        f"Set {RUNNER} to one of these, or to nothing",
    )


def spreads() -> bool:
    """Return whether the tasks of the flow under way are done on a cluster that is there, with processors of its own.

    Processes of this machine have none that one process would not use.
    """
    flow = FlowRunContext.get()
    return flow is not None and getattr(flow.task_runner, "address", None) is not None


def apart() -> bool:
    """Return whether the tasks of the flow under way are done in processes, of a cluster or of this machine.

    What works on one thread is done sooner by several of them; threads of one process would share its memory.
    """
    flow = FlowRunContext.get()
    return flow is not None and not isinstance(flow.task_runner, ThreadPoolTaskRunner)


def _dask(address: str) -> TaskRunner[Any]:
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ModuleNotFoundError:
        raise LikenessError(
            "the task runner that is asked for is installed", "Dask's is not", "pip install 'likeness[dask]'"
        ) from None
    return DaskTaskRunner(address=address) if address else DaskTaskRunner(cluster_class=_local)


def _local() -> Any:  # noqa: ANN401 - Dask is imported late
    """Start a process for each processor, with one thread for its sums, and no pages to look at.

    Dask's own way to say how many threads changes this process's environment as well.
    """
    import dask
    from distributed import LocalCluster

    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with dask.config.set({"distributed.nanny.pre-spawn-environ": {}}):
        return LocalCluster(  # type: ignore[no-untyped-call]
            threads_per_worker=1,
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # else one port for all runs of a machine
            env=threads,
        )
