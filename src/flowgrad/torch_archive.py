"""The file that ``torch.save`` writes, opened without torch: a zip archive of one pickle and the bytes of the tensors.

The pickle is only ever read by an unpickler that looks nothing up (:class:`Unpickler`): whatever it names is what the
reader makes of the name, so that a file decides neither what is imported nor what is called.
"""

from __future__ import annotations

import contextlib
import io
import lzma
import pickle
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from flowgrad.errors import InputError, first_line

MALFORMED = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    EOFError,
    OverflowError,
    RuntimeError,
    MemoryError,
    OSError,
    zlib.error,
    lzma.LZMAError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
)
"""What reading a malformed archive raises; a RuntimeError is also nesting without end, or an unknown compression."""


class Opaque:
    """Stands for an object that is read over: it takes whatever the pickle does to it and does nothing.

    Attributes:
        name: what the pickle calls its class or maker.
    """

    name: ClassVar[str] = ""

    def __init__(self, *_: Any):
        pass

    def __setstate__(self, _: Any) -> None:
        pass

    def __setitem__(self, *_: Any) -> None:
        pass

    def append(self, _: Any) -> None:
        """Ignore the element: pickle extends list subclasses through this."""

    def __call__(self, *_: Any) -> Opaque:
        """Return itself, whatever is asked of it."""
        return self


def opaque(name: str) -> type[Opaque]:
    """Return a class that stands for what the pickle calls ``name``."""
    return type("Opaque", (Opaque,), {"name": name})


class Unpickler(pickle.Unpickler):
    """An unpickler that imports nothing; a subclass says what stands for a name.

    Attributes:
        foreign: the names that the subclass did not know.
    """

    def __init__(self, content: bytes):
        self._content = io.BytesIO(content)
        super().__init__(self._content)
        self.foreign: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name of the pickle, whatever there is by that name in Python."""
        known = self.known(module, name)
        if known is None:
            self.foreign.add(f"{module}.{name}")
            return opaque(f"{module}.{name}")
        return known

    def known(self, module: str, name: str) -> Any:
        """Return what stands for a name, None where it has no place in such a file."""
        raise NotImplementedError

    def read(self) -> Any:
        """Return what the pickle describes.

        Raises one of ``MALFORMED``.
        """
        content = self.load()
        if self._content.read(1):
            raise pickle.UnpicklingError("another pickle stands behind the first")
        return content


@dataclass(frozen=True)
class TorchArchive:
    """A file of ``torch.save``, open for reading (:func:`open_archive`).

    Attributes:
        path: the file.
        pickled: its pickle.
    """

    path: Path
    pickled: bytes
    _zip: zipfile.ZipFile
    _folder: str

    def entry(self, name: str) -> bytes:
        """Return the bytes of an entry: ``byteorder``, or ``data/`` and the key of a storage.

        Raises one of ``MALFORMED``.
        """
        return self._zip.read(self._folder + name)

    def has(self, name: str) -> bool:
        """Return whether there is such an entry."""
        return self._folder + name in self._zip.NameToInfo

    def fail(self, why: str, cause: BaseException | None = None) -> NoReturn:
        """Raise the ``InputError`` that says what is wrong with the file."""
        raise InputError(f"{self.path}: {why}") from cause


@contextlib.contextmanager
def open_archive(path: Path) -> Iterator[TorchArchive]:
    """Open a file of ``torch.save``.

    Raises ``InputError`` naming the file where it is absent or something else.
    """
    if not path.is_file():
        raise InputError(f"{path}: checkpoint not found")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: {_what_else(path)}")
    try:
        archive = zipfile.ZipFile(path)
    except MALFORMED as error:
        raise InputError(f"{path}: is no readable PyTorch checkpoint ({first_line(error)})") from error
    with archive:
        names = archive.namelist()
        if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
            raise InputError(
                f"{path}: is a TorchScript archive, an export that holds code: give the .pt that it was exported from"
            )
        found = [name for name in names if name.endswith(".pkl")]
        if len(found) != 1 or not found[0].endswith("/data.pkl") or len(set(names)) != len(names):
            raise InputError(
                f"{path}: is no readable PyTorch checkpoint: torch.save writes one pickle, data.pkl, and no name twice;"
                f" this archive holds {', '.join(found) or 'none'}"
            )
        try:
            pickled = archive.read(found[0])
        except MALFORMED as error:
            raise InputError(f"{path}: is no readable PyTorch checkpoint ({first_line(error)})") from error
        yield TorchArchive(path, pickled, archive, found[0].removesuffix("data.pkl"))


def _what_else(path: Path) -> str:
    """Return what to say of a file that is no archive."""
    with path.open("rb") as file:
        beginning = file.read(64)
    if beginning.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the checkpoint itself: fetch it with 'git lfs pull'"
    if beginning.startswith(b"\x80"):
        return (
            "is a bare pickle (not a zip archive), which torch wrote before 1.6 and which can run commands when it is"
            " loaded: get the file as torch.save writes it today"
        )
    return "is no PyTorch checkpoint (not a zip archive): the download may be cut, or an error page saved instead"
