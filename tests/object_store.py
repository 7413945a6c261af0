"""A real server of the S3 protocol on loopback, in a process of its own."""

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import URLError

BUCKET = "likeness-tests"
PATIENCE = 60  # seconds


@contextmanager
def object_store() -> Iterator[dict[str, str]]:
    """Yield the environment in which `s3://` leads to an empty server with one bucket."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(  # noqa: S603 - this very interpreter
        [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(server, url)
        make = urllib.request.Request(f"{url}/{BUCKET}", method="PUT")  # noqa: S310 - http, as written above
        with urllib.request.urlopen(make):  # noqa: S310 - the same
            yield {
                "AWS_ENDPOINT_URL": url,
                "AWS_ACCESS_KEY_ID": "tests",
                "AWS_SECRET_ACCESS_KEY": "tests",
                "AWS_DEFAULT_REGION": "us-east-1",
            }
    finally:
        server.kill()
        server.wait()


def _wait(server: subprocess.Popen[bytes], url: str) -> None:
    """Return when the server answers."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert server.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(f"{url}/moto-api/"):  # noqa: S310 - http on loopback
                return
        except (URLError, ConnectionError):
            time.sleep(0.1)
    raise TimeoutError(url)
