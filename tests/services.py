"""Real servers and workers for tests: Prefect's and PostgreSQL's, on loopback, each gone when its block ends."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

__all__ = ["ROOT", "Postgres", "Prefect", "free_port", "initdb", "until"]

ROOT = Path(__file__).parents[1]
_MARK = "LIKENESS_TEST"  # in the environment of all that is started, which those that it starts inherit
_PATIENCE = 180.0  # seconds for anything: a busy machine takes 60 to start a server


def until(look: Callable[[], Any], *, seconds: float = _PATIENCE, told: Callable[[], str] = str) -> Any:
    """Return what `look` finds, once it finds anything.

    Args:
        look: for something; what it finds is true.
        seconds: to wait at most.
        told: what is said when it is not found in time.
    """
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"not within {seconds:.0f} seconds; {told()}"
        time.sleep(0.1)
    return found


def free_port() -> int:
    """Return a port of loopback that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@dataclass
class Prefect:
    """A Prefect server, its workers and its command line, in an environment of their own.

    Args:
        home: folder of its database, logs and profiles.
        settings: environment variables, beside those that `docs/operations.md` names.
    """

    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of all that is started: nothing of this process's own settings of Prefect."""
        bare = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "LIKENESS"))}
        bare.pop("DO_NOT_TRACK", None)
        return {
            **bare,
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": f"http://127.0.0.1:{self.port}/api",
            "DO_NOT_TRACK": "1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "flows.ordering",
            "PREFECT_WORKER_QUERY_SECONDS": "1",  # of 10: tests wait for it
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, [self.settings.get("PYTHONPATH"), str(ROOT)])),
            _MARK: self.mark,
            **{name: value for name, value in self.settings.items() if name != "PYTHONPATH"},
        }

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a command of Prefect's in a session of its own; what it says goes to `<home>/<name>.log`."""
        self.home.mkdir(parents=True, exist_ok=True)
        if (before := self.started.get(name)) is not None:  # it was killed, and is started again
            before.wait()
        with (self.home / f"{name}.log").open("ab") as log:
            self.started[name] = subprocess.Popen(  # noqa: S603 - Prefect's own
                [sys.executable, "-m", "prefect", *command],
                cwd=self.home, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        return self.started[name]

    def serve(self) -> subprocess.Popen[bytes]:
        """Start the server and wait until it answers."""
        process = self.start("server", "server", "start", "--port", str(self.port))
        until(lambda: process.poll() is not None or self._answers(), told=lambda: self.said("server"))
        assert process.poll() is None, self.said("server")
        return process

    def work(self, name: str = "worker") -> subprocess.Popen[bytes]:
        """Start a worker of the pool `likeness`, and wait until the server has heard of it."""
        process = self.start(name, "worker", "start", "--pool", "likeness", "--name", name)
        until(lambda: process.poll() is not None or name in self._workers(), told=lambda: self.said(name))
        assert process.poll() is None, self.said(name)
        return process

    def make(self, target: str, **variables: str) -> str:
        """Make a target of the project's Makefile with this very environment, and return what it said."""
        venv = Path(sys.executable).parents[1]
        command = ["make", f"--assume-old={venv}/.ready", f"VENV={venv}", target]
        return self._finish(command, cwd=ROOT, environment={**self.environment, **variables})

    def run(self, *command: str) -> str:
        """Run a command of Prefect's to its end, and return what it said."""
        return self._finish([sys.executable, "-m", "prefect", *command], cwd=self.home, environment=self.environment)

    def ask(self, path: str, body: object = None, *, method: str = "POST") -> Any:
        """Return the server's answer to a request."""
        data = None if method == "GET" else json.dumps(body or {}).encode()
        request = Request(
            f"http://127.0.0.1:{self.port}/api/{path}", data, {"Content-Type": "application/json"}, method=method
        )
        while True:
            try:
                with urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
                    return json.loads(answer.read() or b"null")
            except HTTPError as error:
                if error.code != HTTPStatus.SERVICE_UNAVAILABLE:  # SQLite is locked: ask again
                    raise
            time.sleep(0.2)

    def processes(self, *, run: str | None = None) -> list[int]:
        """Return the processes that were started here, however deep; or those that do a run."""
        wanted = f"{_MARK}={self.mark}" if run is None else f"PREFECT__FLOW_RUN_ID={run}"
        return sorted(pid for pid in _pids() if wanted.encode() in _environment(pid))

    def said(self, name: str) -> str:
        """Return the end of what a process has said."""
        return (self.home / f"{name}.log").read_text(errors="replace")[-4000:]

    def end(self) -> None:
        """Kill all that was started here, and see that nothing is left."""
        while left := self.processes():
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for process in self.started.values():
                process.wait()
            time.sleep(0.05)

    def _finish(self, command: list[str], *, cwd: Path, environment: Mapping[str, str]) -> str:
        ended = subprocess.run(  # noqa: S603 - our own commands
            command, cwd=cwd, env=environment, text=True, stdin=subprocess.DEVNULL, check=False, timeout=600,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        if ended.returncode != 0:
            error = subprocess.CalledProcessError(ended.returncode, command, ended.stdout)
            error.add_note(ended.stdout)
            raise error
        return ended.stdout

    def _answers(self) -> bool:
        try:
            return bool(self.ask("health", method="GET"))
        except OSError:
            return False

    def _workers(self) -> set[str]:
        return {each["name"] for each in self.ask("work_pools/likeness/workers/filter") if each["status"] == "ONLINE"}


def _pids() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def _environment(pid: int) -> list[bytes]:
    """Return a process's environment; of one that has ended, nothing."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def initdb() -> Path | None:
    """Return where PostgreSQL's `initdb` is, in Debian's place or on the path; None: there is none."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = shutil.which("initdb")
    return debian[-1] if debian else Path(found) if found else None


class Postgres:
    """A PostgreSQL server on loopback, with its data in a folder of its own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="likeness-postgres-"))
        self.bin, self.port = initdb().parent, free_port()
        self.user = "postgres" if os.getuid() == 0 else None  # it refuses to be root
        if self.user:
            shutil.chown(self.folder, self.user)
        self._do("initdb", "--auth=trust", "--username=postgres", "--no-sync", f"--pgdata={self.folder}/data")

    def url(self, database: str = "postgres", *, driver: str = "postgresql") -> str:
        """Return the URL of a database."""
        return f"{driver}://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start serving, and wait until it answers."""
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._do(
            "pg_ctl", "start", "--wait", f"--pgdata={self.folder}/data", f"--log={self.folder}/log", f"-o {options}"
        )

    def stop(self, mode: str = "fast") -> None:
        """Stop: `fast` breaks off what is asked, `immediate` is as good as a kill."""
        self._do("pg_ctl", "stop", "--wait", f"--pgdata={self.folder}/data", f"--mode={mode}")

    def query(self, text: str, *, database: str = "postgres") -> str:
        """Return what `psql` says to a statement."""
        return self._do("psql", "--no-psqlrc", "-Atqc", text, self.url(database))

    def dump(self, database: str) -> str:
        """Return a database as the statements that make it again."""
        return self._do("pg_dump", "--no-owner", self.url(database))

    def restore(self, dump: str, database: str) -> None:
        """Make what was dumped again, as the role that owns the database."""
        url = self.url(database).replace("postgres@", f"{database}:{database}@")
        self._do("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", url, input=dump)

    def database(self, name: str) -> str:
        """Make a database and a role that owns it, and return its URL for Prefect."""
        self.query(f"CREATE ROLE {name} LOGIN PASSWORD '{name}'")
        self.query(f"CREATE DATABASE {name} OWNER {name}")
        return f"postgresql+asyncpg://{name}:{name}@127.0.0.1:{self.port}/{name}"

    @classmethod
    @contextmanager
    def served(cls) -> Iterator["Postgres"]:
        """Yield a server that runs, and take it away again."""
        served = cls()
        try:
            served.start()
            yield served
        finally:
            with suppress(subprocess.CalledProcessError):  # it was stopped
                served.stop("immediate")
            shutil.rmtree(served.folder)

    def _do(self, name: str, *arguments: str, input: str = "") -> str:  # noqa: A002 - as subprocess has it
        shown = name in ("psql", "pg_dump")
        said = subprocess.run(  # noqa: S603 - Debian's own
            [self.bin / name, *arguments], user=self.user, cwd="/", check=True, text=True, timeout=_PATIENCE,
            input=input, stdout=subprocess.PIPE if shown else subprocess.DEVNULL,
            stderr=None if shown else subprocess.DEVNULL,
        )  # fmt: skip
        return (said.stdout or "").strip()
