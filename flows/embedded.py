"""Prefect without a server of one's own: a temporary one, started early, quick and quiet, gone with its run.

Prefect starts one by itself, but as a member of the terminal's group: Ctrl-C ends it first, and the run then waits
minutes for a server that is no more.  Ours has a session of its own, and ends when the pipe from its run closes,
however the run ended.

Every setting here is a default: what stands in the environment wins, and where `PREFECT_API_URL` names a server that
one is used.
"""

import atexit
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import IO, Any
from urllib.error import URLError
from urllib.request import urlopen

from data_contracts.errors import LikenessError

__all__ = ["configure", "start"]

# A temporary server lives for one run: nothing is scheduled, late, cancelled from elsewhere or vacuumed.
_IDLE_SERVICES = (
    "CANCELLATION_CLEANUP",
    "FOREMAN",
    "LATE_RUNS",
    "PAUSE_EXPIRATIONS",
    "REPOSSESSOR",
    "SCHEDULER",
    "TRIGGERS",
)

_SETTINGS = {
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",  # stopping it logs the events that it no longer stores
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the command line says what happened, once
    "PREFECT_LOGGING_EXTRA_LOGGERS": "flows,tasks,models",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",  # `contract check` runs steps without a flow
    **{f"PREFECT_SERVER_SERVICES_{service}_ENABLED": "false" for service in _IDLE_SERVICES},
}

_STARTUP_SECONDS = 180.0  # the first start makes a database: 13 s, on a busy machine 60 s
_STOP_SECONDS = 5.0  # enough to store the last events


def configure() -> None:
    """Set the environment for an embedded run; must come before Prefect is imported."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)


def start() -> Callable[[], None]:
    """Start serving Prefect's API to this process, unless a server is configured.

    It ends with the process, after Prefect has sent it the last logs and events.

    Returns:
        A function that waits until the server answers: it comes up while the heavy libraries load.
    """
    from prefect.settings import PREFECT_API_URL, temporary_settings

    if PREFECT_API_URL.value():
        return lambda: None
    ending = ExitStack()
    atexit.register(ending.close)  # registered before Prefect's own last words, and so called after them
    listening = ending.enter_context(socket.create_server(("127.0.0.1", 0)))
    log = ending.enter_context(tempfile.TemporaryFile("w+"))  # noqa: SIM115 - closed by `ending`
    process = _launch(listening, log)
    ending.callback(_stop, process)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
    ending.enter_context(temporary_settings({PREFECT_API_URL: url}))
    return lambda: _wait(process, f"{url}/health", log=log)


def _launch(listening: socket.socket, log: IO[str]) -> subprocess.Popen[bytes]:
    """Start this module as a server on a socket that listens already."""
    descriptor = listening.fileno()
    return subprocess.Popen(  # noqa: S603 - this very module
        [sys.executable, "-m", "flows.embedded", str(descriptor)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=log,
        pass_fds=[descriptor],
        start_new_session=True,
        env={
            **_without_secrets(),
            "PREFECT_UI_ENABLED": "0",
            "PREFECT__SERVER_EPHEMERAL": "1",
            "PREFECT__SERVER_FINAL": "1",
        },
    )


def _without_secrets() -> dict[str, str]:
    """Return the environment without keys: a server has no use for them."""
    return {name: value for name, value in os.environ.items() if not re.fullmatch(r"LIKENESS_\w+_KEY", name)}


def _wait(process: subprocess.Popen[bytes], health: str, *, log: IO[str]) -> None:
    """Return when the server answers.

    Raises:
        LikenessError: it ended, or does not answer in time.
    """
    until = time.monotonic() + _STARTUP_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            with urlopen(health, timeout=until - time.monotonic()):  # noqa: S310 - loopback
                return
        except (URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)
    log.seek(0)
    last = (log.read().strip().splitlines() or ["it said nothing"])[-1]
    raise LikenessError(
        "Prefect's temporary server comes up",
        f"it {'does not answer' if process.poll() is None else 'ended'} ({last})",
        "Look at PREFECT_HOME, or set PREFECT_API_URL to a server that runs",
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Close the pipe that keeps the server alive, and see it go."""
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _serve(descriptor: int) -> None:
    """Serve on a listening socket until the standard input closes."""
    import uvicorn

    served = uvicorn.Server(
        uvicorn.Config("prefect.server.api.server:create_app", factory=True, log_level="critical", lifespan="on")
    )
    threading.Thread(target=_until_closed, args=[served], daemon=True).start()
    served.run(sockets=[socket.socket(fileno=descriptor)])


def _until_closed(served: Any) -> None:  # noqa: ANN401 - uvicorn is imported late
    sys.stdin.read()
    served.should_exit = True


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
