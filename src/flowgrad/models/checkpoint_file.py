"""Reading the keys and shapes of a PyTorch checkpoint without torch, and without running what it holds.

A checkpoint is a zip archive whose ``data.pkl`` describes the tensors. A restricted unpickler that knows nothing but
tensors and plain containers reads it in milliseconds, so that a wrong file is found before any job starts.
"""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

from flowgrad.errors import InputError
from flowgrad.models.layout import CHECKPOINTS, Layout, compare


class _Tensor:
    """Stands for a tensor: its shape is all that is read."""

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape


class _Opaque:
    """Stands for an object that is neither tensor nor plain container (an optimiser's state, a callback's)."""

    def __init__(self, *_: Any):
        pass

    def __setstate__(self, _: Any) -> None:
        pass

    def __setitem__(self, *_: Any) -> None:
        pass

    def append(self, _: Any) -> None:
        """Ignore the element: pickle extends list subclasses through this."""

    def __call__(self, *_: Any) -> _Opaque:
        return self


def _tensor(_storage: Any, _offset: int, size: tuple[int, ...], *_: Any) -> _Tensor:
    return _Tensor(tuple(size))


def _parameter(data: Any, *_: Any) -> Any:
    return data


class _ShapeUnpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes]):
        super().__init__(file)
        self.foreign: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _parameter
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module.split(".")[0] not in ("torch", "collections"):
            self.foreign.add(f"{module}.{name}")
        return _Opaque

    def persistent_load(self, _: Any) -> None:
        return None


@dataclass(frozen=True)
class CheckpointFile:
    """What a checkpoint holds: shapes of tensors by key, top-level keys, and the names of foreign objects."""

    tensors: Layout
    top_level: frozenset[str]
    foreign: frozenset[str]


def read_checkpoint(path: Path) -> CheckpointFile:
    """Return what a checkpoint holds: a flat dictionary of tensors, or Lightning's ``state_dict``.

    Raises ``InputError`` naming the file where it is absent or no checkpoint.
    """

    def fail(why: str) -> NoReturn:
        raise InputError(f"{path}: {why}")

    if not path.is_file():
        fail("checkpoint not found")
    if path.stat().st_size < 1024 and path.read_bytes().startswith(b"version https://git-lfs"):
        fail("is a Git LFS pointer, not the checkpoint itself: fetch it with 'git lfs pull'")
    if not zipfile.is_zipfile(path):
        fail("is no PyTorch checkpoint (not a zip archive): the download may be cut, or an error page saved instead")
    try:
        with zipfile.ZipFile(path) as archive:
            (name,) = [entry for entry in archive.namelist() if entry.endswith("/data.pkl")]
            with archive.open(name) as file:
                unpickler = _ShapeUnpickler(file)
                content = unpickler.load()
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        EOFError,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
    ) as e:
        raise InputError(f"{path}: is no readable PyTorch checkpoint ({e})") from e
    if not isinstance(content, dict):
        fail("holds no dictionary of tensors")
    state = content.get("state_dict", content)
    tensors = state.items() if isinstance(state, dict) else ()
    return CheckpointFile(
        {str(key): value.shape for key, value in tensors if isinstance(value, _Tensor)},
        frozenset(map(str, content)),
        frozenset(unpickler.foreign),
    )


def check_checkpoint(path: Path, method: str) -> None:
    """Check that a checkpoint holds tensors only and, where the layout of ``method`` is known, that it fits.

    Raises ``InputError`` naming the file and listing missing, unexpected and misshapen keys.
    """
    held = read_checkpoint(path)
    if held.foreign:
        names = ", ".join(sorted(held.foreign)[:5])
        raise InputError(f"{path}: holds objects besides tensors ({names}); save its tensors alone with torch.save")
    differences = compare(method, held.tensors) if method in CHECKPOINTS else []
    if differences:
        raise InputError(f"{path}: is no {method} checkpoint: {'; '.join(differences)}")


def check_detector(path: Path) -> None:
    """Check that a file looks like ultralytics weights.

    Raises ``InputError`` naming the file.
    """
    held = read_checkpoint(path)
    if "model" not in held.top_level or not any(name.startswith("ultralytics.") for name in held.foreign):
        raise InputError(f"{path}: holds no ultralytics detector")
