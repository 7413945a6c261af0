"""Loading torch where an interrupt does no harm."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["load_models"]


def load_models() -> None:
    """Import the models, and torch with them, at a time of the caller's choosing.

    Ctrl-C during torch's import ends the process with an abort, since its C++ code does not pass exceptions on: it is
    held until the import is done.
    """
    with _interrupts_held():
        import models  # noqa: F401


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let a SIGINT that comes meanwhile take effect at the end; only the main thread gets any."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        signal.raise_signal(signal.SIGINT)
