"""Loading published checkpoints into our modules: ``weights_only``, strict, with the differences listed."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from flowgrad.errors import InputError, first_line
from flowgrad.models.checkpoint_file import check_layout
from flowgrad.models.layout import FLAT_OR_LIGHTNING, CheckpointLayout, Containers, Layout, unwrap


def read_state(path: Path, containers: Containers = FLAT_OR_LIGHTNING) -> dict[str, torch.Tensor]:
    """Return the tensors of a checkpoint, from where ``containers`` say that they are.

    Only tensors and plain containers are ever loaded (``weights_only=True``): a checkpoint cannot run code.
    Raises ``InputError`` naming the file.
    """
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=not _is_deflated(path))
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError) as error:
        raise InputError(f"{path}: cannot be loaded as tensors only ({first_line(error)})") from error
    return {key: value for key, value in unwrap(content, containers).items() if isinstance(value, torch.Tensor)}


def _is_deflated(path: Path) -> bool:
    """Return whether a file's entries are compressed, as those are that come with flowgrad: torch cannot map these."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist())


def load_state(path: Path, layout: CheckpointLayout) -> dict[str, torch.Tensor]:
    """Return the tensors of a checkpoint that its module needs, by the module's names.

    Raises ``InputError`` naming the file and listing every missing, unexpected or misshapen key. Keys that the
    published files carry and no module uses (``layout.unused``) are allowed and left out, nothing else.
    """
    check_layout(path, layout)
    state = read_state(path, layout.containers)
    return {key: state[key] for key in layout.needed(shapes(state))}


def shapes(state: Mapping[str, torch.Tensor]) -> Layout:
    """Return the shape of every tensor of a module's or a file's state."""
    return {key: tuple(value.shape) for key, value in state.items()}
