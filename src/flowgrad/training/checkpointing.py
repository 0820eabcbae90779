"""Checkpoints that a kill or a full disk cannot harm."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO

from flowgrad import artifacts


def save(content: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint under another name and then rename it, so that an earlier one stays until this one is whole.

    Raises ``ArtifactError`` where the disk is full.
    """
    with artifacts.replacing(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(dict(content), file)
        except RuntimeError as error:
            # torch's writer puts an error of its own in front of the system's
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


class AtomicCheckpoints(TorchCheckpointIO):
    """Lightning's way to write a checkpoint, by :func:`save`."""

    def save_checkpoint(self, checkpoint: Mapping[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint; Lightning calls this."""
        save(checkpoint, Path(path))
