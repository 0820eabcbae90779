"""Where networks run, and how many frames pass through one at once."""

from __future__ import annotations

from typing import Literal

from flowgrad.errors import InputError

CPU_FRAMES = 16
FRAME_BYTES = 32 << 20
"""Room for a frame on a GPU, estimated: three times what the largest method (FlowGrad-EN, width 64) takes on a CPU."""


def resolve_device(device: str) -> str:
    """Return the torch device for ``auto`` (CUDA where there is one), ``cpu`` or ``cuda``.

    Raises ``InputError`` where ``cuda`` is asked for and there is none.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError("device: cuda is asked for, but torch sees no CUDA device; use 'auto' or 'cpu'")
    return device


def resolve_batch_size(size: int | Literal["auto"], device: str) -> int:
    """Return how many frames pass through a network at once; with ``auto`` 16 on a CPU, on a GPU by its free memory."""
    if size != "auto":
        return size
    device = resolve_device(device)
    if device == "cpu":
        return CPU_FRAMES
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return frames_that_fit(free)


def frames_that_fit(free_bytes: int) -> int:
    """Return how many frames fit in half of a GPU's free memory: 1 to 256, a power of two."""
    return 1 << min(8, max(1, free_bytes // 2 // FRAME_BYTES).bit_length() - 1)
