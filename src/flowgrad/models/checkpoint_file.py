"""Reading the keys and shapes of a PyTorch checkpoint without torch, and without running what it holds.

A restricted unpickler that knows nothing but tensors and plain containers reads the pickle in milliseconds, so that a
wrong file is found before any job starts.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowgrad.errors import InputError, first_line
from flowgrad.models.layout import FLAT_OR_LIGHTNING, CheckpointLayout, Containers, Layout, unwrap
from flowgrad.torch_archive import MALFORMED, Unpickler, opaque, open_archive


class _Tensor:
    """Stands for a tensor: its shape is all that is read."""

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape


def _tensor(_storage: Any, _offset: int, size: tuple[int, ...], *_: Any) -> _Tensor:
    return _Tensor(tuple(size))


def _parameter(data: Any, *_: Any) -> Any:
    return data


class _ShapeUnpickler(Unpickler):
    def known(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _parameter
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        return opaque(f"{module}.{name}") if module.split(".")[0] in ("torch", "collections") else None

    def persistent_load(self, _: Any) -> None:
        return None


class LayoutError(InputError):
    """A checkpoint that holds tensors alone, but not those that are wanted."""


@dataclass(frozen=True)
class CheckpointFile:
    """What a checkpoint holds: shapes of tensors by key, and the names of foreign objects."""

    tensors: Layout
    foreign: frozenset[str]


def read_checkpoint(path: Path, containers: Containers = FLAT_OR_LIGHTNING) -> CheckpointFile:
    """Return what a checkpoint holds, where ``containers`` say that its tensors are.

    Raises ``InputError`` naming the file where it is absent or no checkpoint.
    """

    with open_archive(path) as archive:
        unpickler = _ShapeUnpickler(archive.pickled)
        try:
            content = unpickler.read()
        except MALFORMED as error:
            archive.fail(f"is no readable PyTorch checkpoint ({first_line(error)})", error)
        if not isinstance(content, dict):
            archive.fail("holds no dictionary of tensors")
    tensors = unwrap(content, containers)
    return CheckpointFile(
        {key: value.shape for key, value in tensors.items() if isinstance(value, _Tensor)},
        frozenset(unpickler.foreign),
    )


def check_layout(path: Path, layout: CheckpointLayout | None) -> None:
    """Check that a checkpoint holds tensors only and, where its layout is known, that it fits.

    Raises ``InputError`` naming the file; ``LayoutError`` that lists missing, unexpected and misshapen keys.
    """
    held = read_checkpoint(path, layout.containers if layout else FLAT_OR_LIGHTNING)
    if held.foreign:
        names = ", ".join(sorted(held.foreign)[:5])
        raise InputError(f"{path}: holds objects besides tensors ({names}); save its tensors alone with torch.save")
    differences = layout.compare(held.tensors) if layout else []
    if layout and differences:
        raise LayoutError(f"{path}: is no {layout.name} checkpoint: {'; '.join(differences)}")
