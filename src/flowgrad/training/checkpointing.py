"""Checkpoints that a kill or a full disk cannot harm."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO

from flowgrad import artifacts
from flowgrad.errors import InputError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def save(content: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint under another name and then rename it, so that an earlier one stays until this one is whole.

    Raises ``InputError`` where the disk is full.
    """
    try:
        with artifacts.replacing(path) as temporary, temporary.open("wb") as file:
            torch.save(dict(content), file)
    except (OSError, RuntimeError) as error:
        # torch's writer puts an error of its own in front of the system's
        cause = error if isinstance(error, OSError) else error.__context__
        if not isinstance(cause, OSError) or cause.errno not in FULL:
            raise
        raise InputError(
            f"{path}: no space left ({cause.strerror}); earlier checkpoints are kept; make room"
        ) from error


class AtomicCheckpoints(TorchCheckpointIO):
    """Lightning's way to write a checkpoint, by :func:`save`."""

    def save_checkpoint(self, checkpoint: Mapping[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint; Lightning calls this."""
        save(checkpoint, Path(path))
