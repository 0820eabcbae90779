"""Loading published checkpoints into our encoders: ``weights_only``, strict, with the differences listed."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from flowgrad.errors import InputError, first_line
from flowgrad.models.checkpoint_file import check_checkpoint
from flowgrad.models.encoders import build_encoders
from flowgrad.models.layout import CHECKPOINTS, PUBLISHED_WIDTH, width_of


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a checkpoint, flat (``rc_grad.pt``) or under ``state_dict`` (Lightning).

    Only tensors and plain containers are ever loaded (``weights_only=True``): a checkpoint cannot run code.
    Raises ``InputError`` naming the file.
    """
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError) as error:
        raise InputError(f"{path}: cannot be loaded as tensors only ({first_line(error)})") from error
    state = content.get("state_dict", content)
    return {str(key): value for key, value in state.items() if isinstance(value, torch.Tensor)}


def load_encoders(path: Path, method: str) -> nn.ModuleDict:
    """Return the encoders of a checkpoint of ``method``, at the width that the file has.

    Raises ``InputError`` naming the file and listing every missing, unexpected or misshapen key. Keys that the
    published files carry and no model uses (``flowgrad.models.layout``) are allowed, nothing else.
    """
    check_checkpoint(path, method)
    state = read_state(path)
    width = width_of({key: tuple(value.shape) for key, value in state.items()}) or PUBLISHED_WIDTH
    encoders = build_encoders(method, width)
    for encoder in CHECKPOINTS[method]:
        prefix = f"{encoder.prefix}."
        needed = {key: state[key] for key in encoder.layout(width)}
        module = encoders[encoder.prefix]
        module.load_state_dict({key.removeprefix(prefix): value for key, value in needed.items()}, strict=True)
    return encoders
