"""A secret of a run: what the noise of differential privacy hangs on, and what is never published."""

import hashlib
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.places import send
from tasks.storage import atomic

if TYPE_CHECKING:
    import torch

__all__ = ["secret_generator"]

_BYTES = 32
_WORDS = 624  # of the Mersenne Twister's state


def secret_generator(run: Path, seed: int) -> "torch.Generator":
    """Return a generator of the run's secret and a seed; the secret is made the first time, and stays with the run.

    A seed would set 32 bits of the state, which can be tried one after the other: here all of it is set.

    Raises:
        ReleaseError: the run's folder cannot be written.
    """
    import torch

    path = run / "secret"
    if not path.exists():
        with atomic(path) as partial:
            partial.touch(mode=0o600)
            partial.write_bytes(os.urandom(_BYTES))
        send(path)
    stream = hashlib.shake_256(path.read_bytes() + struct.pack("<Q", seed)).digest(4 * _WORDS)
    generator = torch.Generator().manual_seed(0)
    state = bytearray(generator.get_state().numpy().tobytes())
    struct.pack_into(f"<{_WORDS}Q", state, _FIRST_WORD, *struct.unpack(f"<{_WORDS}I", stream))
    return generator.set_state(torch.frombuffer(state, dtype=torch.uint8).clone())


_FIRST_WORD = 24  # bytes before it: the seed, how many words are left, whether it is seeded, the next
