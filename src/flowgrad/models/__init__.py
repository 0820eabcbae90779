"""Localization models: the registry, the networks, and :func:`load_model`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from flowgrad.errors import InputError
from flowgrad.models.registry import MODELS, ModelSpec, get_model
from flowgrad.protocols import MAP_SIZE, Protocol, get_protocol

__all__ = ["MODELS", "LocalizationModel", "ModelSpec", "get_model", "load_model"]


CPU_FRAMES = 16
FRAME_BYTES = 32 << 20
"""Room for a frame on a GPU, estimated: three times what the largest method (FlowGrad-EN, width 64) takes on a CPU."""


class LocalizationModel:
    """A model ready to localize; made by :func:`load_model`."""

    def __init__(self, spec: ModelSpec, protocol: Protocol, network: Callable[..., npt.NDArray[np.float32]] | None):
        self.name = spec.name
        self.protocol = protocol
        self._spec, self._network = spec, network

    def __call__(
        self,
        frames: npt.NDArray[np.uint8] | None = None,
        audio: npt.NDArray[np.float32] | None = None,
        sample_rate: int | None = None,
        flow: npt.NDArray[Any] | None = None,
    ) -> npt.NDArray[np.float32]:
        """Localize the sound in each frame; see :func:`load_model` for shapes."""
        if self._spec.flow and (flow is None or np.shape(flow)[1:] != (MAP_SIZE, MAP_SIZE)):
            got = "none" if flow is None else np.shape(flow)
            raise ValueError(f"flow: {self.name} needs (N, {MAP_SIZE}, {MAP_SIZE}), got {got}")
        if self._network is None:
            return self._spec.load()(flow, self.protocol)  # type: ignore[no-any-return]
        if frames is None:
            raise ValueError(f"{self.name} needs frames (N, H, W, 3) uint8 RGB")
        maps = self._network(frames, audio, sample_rate, flow)
        if self._spec.derived_from:
            return self._spec.load()(maps, flow, self.protocol)  # type: ignore[no-any-return]
        return maps


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


def load_model(
    name: str,
    checkpoint: str | Path | None = None,
    protocol: str | Protocol = "paper",
    device: str = "auto",
    precision: Literal["float32", "bfloat16"] = "float32",
    batch_size: int | Literal["auto"] = "auto",
) -> LocalizationModel:
    """Load a model that turns frames, sound and flow into localization maps.

    Args:
        name: ``flow``, ``rcgrad``, ``flowgrad-h``, ``flowgrad-ic`` or ``flowgrad-en``.
        checkpoint: published-layout file; RCGrad's for ``flowgrad-h``; none for ``flow``.
        protocol: ``paper``, ``released`` or a :class:`flowgrad.protocols.Protocol`.
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: arithmetic of the encoders.
        batch_size: frames that pass through the encoders at once; ``auto``: 16 on a CPU, by free memory on a GPU.

    Returns:
        A callable ``model(frames, audio, sample_rate, flow) -> maps``: frames (N, H, W, 3) uint8 RGB at any size,
        audio (N, S) float32 around each frame at ``sample_rate`` Hz, flow (N, 224, 224) magnitudes in native pixels;
        maps (N, 224, 224) float32. ``audio`` and ``flow`` may be None where the model needs none.

    Raises:
        InputError: model or protocol is unknown, makes no maps, or its checkpoint is absent or does not fit.
    """
    spec, rules = get_model(name), get_protocol(protocol)
    if spec.kind == "boxes":
        raise InputError(f"{name} scores detected boxes and makes no maps; see flowgrad.detection")
    if spec.kind == "control":
        raise InputError(f"{name} is a control: it scores a fixed box and makes no maps; see flowgrad.models.controls")
    if spec.checkpoint is None:
        return LocalizationModel(spec, rules, None)
    if checkpoint is None:
        raise InputError(f"{name} needs a checkpoint ({spec.file})")
    network = get_model(spec.derived_from or name)
    device = resolve_device(device)
    at_once = resolve_batch_size(batch_size, device)
    return LocalizationModel(spec, rules, network.load()(Path(checkpoint), rules, device, precision, at_once))
