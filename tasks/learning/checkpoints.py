"""A checkpoint on disk: one file in the run's folder, that belongs to one fit and is removed when this is done.

It holds weights that were learned from real rows: like all of the run's folder, it is never published.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.places import erase, send
from tasks.storage import atomic

if TYPE_CHECKING:
    from models.life import State

__all__ = ["DiskCheckpoint"]

logger = logging.getLogger(__name__)

_FILE = "state.safetensors"


class DiskCheckpoint:
    """A fit's state as `state.safetensors` in a folder, its configuration in the file's metadata.

    Args:
        folder: of the checkpoint alone.
        fit: all that has a say in the fit's bytes; a checkpoint of another fit is passed over.
    """

    def __init__(self, folder: Path, fit: Mapping[str, Any]) -> None:
        self.folder, self.path = folder, folder / _FILE
        self.key = hashlib.sha256(json.dumps(fit, sort_keys=True).encode()).hexdigest()

    def load(self) -> "State | None":
        """Return what was saved last; None: nothing, nothing that can be read, or nothing of this fit."""
        from safetensors import SafetensorError, safe_open

        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                metadata = file.metadata() or {}
                config = json.loads(metadata.get("config", ""))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - the file is no mapping
        except (OSError, ValueError, SafetensorError):
            logger.warning("the checkpoint in %s cannot be read: training begins anew", self.folder)
            return None
        if metadata.get("key") != self.key:
            logger.warning("the checkpoint in %s is of another fit: training begins anew", self.folder)
            return None
        return tensors, config

    def save(self, state: "State") -> None:
        """Keep a state in the place of the last one, whole or not at all.

        Raises:
            ReleaseError: the folder cannot be written.
        """
        from safetensors.torch import save as to_bytes

        tensors, config = state
        with atomic(self.path) as partial:
            metadata = {"key": self.key, "config": json.dumps(config)}
            partial.write_bytes(to_bytes(tensors, metadata))  # an error of the disk is then Python's own
        send(self.path)

    def remove(self) -> None:
        """Leave nothing behind, nor what a killed process had half written."""
        erase(self.folder)
