"""The only reader and writer of HDF5 and CSV artifacts: atomic, checked, with provenance.

Every artifact is written under a hidden temporary name in its own folder, closed, checked, flushed to disk and then
renamed, so that a file under its final name is always whole. HDF5 files carry ``schema_version``, ``kind``, their
settings and the versions of the libraries as attributes, and ``complete = True`` written last; a reader refuses a file
without it. No wall-clock time is stored: the same input gives the same content.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from flowgrad.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
CHUNK_FRAMES = 8
FLOAT_FORMAT = "%.6g"
SPARE_BYTES = 1 << 20
"""Room left for what HDF5 writes around the data."""
LOCKING = False
"""HDF5 locks no file: one process writes each, under a name of its own, and shared file systems may have no locks."""
CACHED_BYTES = 1 << 21
"""Of chunks that HDF5 keeps unpacked for each open dataset: the largest chunk, 8 fields of signed flow, fits."""
LEFT = re.compile(r"\..+\.tmp-[0-9a-f]{8}-(\d+)")
"""The hidden name of a file that is being written; its number is the process."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ArtifactError(InputError):
    """An artifact that is absent, incomplete or damaged; the message names the file and what to do."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; on success flush it to disk and rename it, on failure remove it.

    Raises ``ArtifactError`` where the disk is full; what stood under ``path`` is still there then.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # process ids repeat on the machines of a cluster, and host names among containers
    temporary = path.parent / f".{path.name}.tmp-{secrets.token_hex(4)}-{os.getpid()}"
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise ArtifactError(f"{path}: no space left ({error.strerror}); make room and run again") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_absent_or_empty(folder: Path) -> None:
    """Raise ``InputError`` where a folder that is to be written holds something already."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(f"{folder}: exists and is not an empty folder; name another")


def sweep(folder: Path) -> None:
    """Remove what :func:`replacing` left below a folder in processes that were killed.

    Only to be called where no other run writes. A job that outlived its run on this very machine may: its file stays.
    """
    for path in folder.rglob(".*.tmp-*"):
        left = LEFT.fullmatch(path.name)
        if left and path.is_file() and not Path("/proc", left[1]).exists():
            path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_text_if_changed(path: Path, text: str) -> bool:
    """Write a text file only where its content differs; return whether it was written.

    The workflow engine compares modification times, so an unchanged file must not be touched.
    """
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    write_text(path, text)
    return True


def write_json(path: Path, value: Any) -> bool:
    """Write a JSON file (sorted keys) atomically where its content differs; return whether it was written."""
    # compared as values: to write the annotations of ten thousand clips as text takes many times as long as to read it
    with contextlib.suppress(ArtifactError):
        if read_json(path) == value:
            return False
    write_text(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    return True


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises ``ArtifactError`` for a file that is absent or no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path}: cannot be read as JSON ({error}); delete it and run again") from error


def write_table(path: Path, table: pd.DataFrame, float_format: str = FLOAT_FORMAT) -> None:
    """Write a CSV table: UTF-8, floats as ``%.6g``, missing values as empty cells."""
    text = io.StringIO(newline="")
    table.to_csv(text, index=False, float_format=float_format, lineterminator="\n")
    write_text(path, text.getvalue())


def read_table(path: Path, columns: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Read one of our own CSV tables; ``columns`` names the expected columns and their dtypes.

    Raises ``ArtifactError`` if the file is absent or lacks a column.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=dict(columns or {}))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path}: cannot be read as a table ({error}); delete it and run again") from error
    missing = [name for name in columns or {} if name not in table.columns]
    if missing:
        raise ArtifactError(f"{path}: column {missing[0]!r} is missing; delete the file and run again")
    return table


def library_versions(*packages: str) -> dict[str, str]:
    """Return the installed versions of packages, as ``{"version_torch": "2.14.1", ...}``."""
    from importlib.metadata import version

    from flowgrad import __version__

    found = {f"version_{name.replace('-', '_')}": version(name) for name in packages}
    return {"version_flowgrad": __version__} | found


def _require_space(path: Path, needed: int) -> None:
    """Raise ``ArtifactError`` where a file system cannot take ``needed`` more bytes.

    HDF5 itself holds data back, meets a full disk only when it closes a dataset, and then goes on as if all were well.
    """
    free = shutil.disk_usage(path.parent).free
    if free < needed + SPARE_BYTES:
        raise ArtifactError(f"{path.parent}: no space left ({needed} more bytes wanted, {free} free); make room")


class ClipWriter:
    """Appends frame-aligned arrays to the datasets of one clip's group, a batch at a time."""

    def __init__(self, group: Any):
        self._group = group

    def append(self, chunk: int | None = None, compress: bool = True, **arrays: npt.NDArray[Any]) -> None:
        """Append arrays of equal length to the datasets of these names, creating them on first use.

        ``chunk`` and ``compress`` are those of :meth:`extend`.

        Raises ``ValueError`` for unequal lengths or a value that is not finite.
        """
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"arrays of one batch must be equally long, got {lengths}")
        for name, array in arrays.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise ValueError(f"{self._group.name}/{name}: a value is not finite")
            self.extend(name, array, chunk, compress)

    def extend(self, name: str, array: npt.NDArray[Any], chunk: int | None = None, compress: bool = True) -> None:
        """Append to one dataset alone (packed bytes, samples), ``chunk`` rows a chunk; packed bytes do not shrink."""
        if name not in self._group:
            rows = chunk or (CHUNK_FRAMES if array.ndim > 1 else 1024)
            self._group.create_dataset(
                name,
                shape=(0, *array.shape[1:]),
                maxshape=(None, *array.shape[1:]),
                chunks=(rows, *array.shape[1:]),
                dtype=array.dtype,
                fletcher32=True,
                **({"compression": "gzip", "shuffle": True} if compress else {}),
            )
        _require_space(Path(self._group.file.filename), array.nbytes)
        dataset = self._group[name]
        start = dataset.shape[0]
        dataset.resize(start + len(array), axis=0)
        dataset[start:] = array

    def discard(self, names: Iterable[str]) -> None:
        """Remove datasets that turned out unusable."""
        for name in names:
            if name in self._group:
                del self._group[name]

    def attributes(self, **values: Any) -> None:
        """Set attributes of the clip's group."""
        for name, value in values.items():
            self._group.attrs[name] = value


class ArtifactWriter:
    """An HDF5 artifact under construction: one group a clip."""

    def __init__(self, file: Any):
        self._file = file

    def clip(self, name: str, **attributes: Any) -> ClipWriter:
        """Create the group of a clip and return its writer."""
        group = self._file.create_group(name)
        writer = ClipWriter(group)
        writer.attributes(**attributes)
        return writer

    def attributes(self, **values: str | float) -> None:
        """Set attributes of the file: what is known only now."""
        for name, value in values.items():
            self._file.attrs[name] = value

    def existing(self, name: str) -> ClipWriter:
        """Return the writer of a clip whose group is there already."""
        return ClipWriter(self._file[name])

    def drop(self, name: str) -> None:
        """Remove the group of a clip that turned out unusable, where it was begun."""
        if name in self._file:
            del self._file[name]


@contextlib.contextmanager
def create(path: Path, kind: str, **attributes: Any) -> Iterator[ArtifactWriter]:
    """Write an HDF5 artifact of ``kind``; on leaving the block it is completed, checked and renamed into place."""
    import h5py

    with replacing(Path(path)) as temporary:
        # this version of the format has checksums in its own structures too: a damaged one is refused, where the
        # default one lets the library crash
        with h5py.File(temporary, "w", libver=("v110", "v110"), locking=LOCKING) as file:
            file.attrs["schema_version"] = SCHEMA_VERSION
            file.attrs["kind"] = kind
            for name, value in sorted(attributes.items()):
                file.attrs[name] = value if isinstance(value, (str, int, float)) else json.dumps(value, sort_keys=True)
            yield ArtifactWriter(file)
            file.attrs["complete"] = True
            file.flush()
        with open_artifact(temporary, kind) as written:
            for clip in written.clips():
                written.check(clip)


class ArtifactReader:
    """An open, complete HDF5 artifact."""

    def __init__(self, path: Path, file: Any):
        self.path = path
        self._file = file
        # of one clip: each keeps chunks in memory while it is open
        self._latest, self._datasets = "", dict[str, Any]()

    @contextlib.contextmanager
    def _damage(self, what: str) -> Iterator[None]:
        # the library's own words for a checksum that does not match; which of these it raises depends on the place
        try:
            yield
        except (OSError, KeyError, RuntimeError) as error:
            raise ArtifactError(f"{self.path}: {what} is damaged ({error}); delete the file and run again") from error

    def clips(self) -> list[str]:
        """Return the names of the clips in the file, sorted."""
        with self._damage("the list of clips"):
            return sorted(self._file)

    def __contains__(self, clip: str) -> bool:
        return clip in self._file

    def attributes(self, clip: str | None = None) -> dict[str, Any]:
        """Return the attributes of the file, or of a clip's group."""
        with self._damage("an attribute"):
            return dict((self._group(clip) if clip else self._file).attrs)

    def _group(self, clip: str) -> Any:
        if clip not in self._file:
            raise ArtifactError(f"{self.path}: holds no clip {clip!r}")
        with self._damage(clip):
            return self._file[clip]

    def length(self, clip: str, name: str = "frame") -> int:
        """Return the number of rows of a clip's dataset."""
        group = self._group(clip)
        with self._damage(f"{clip}/{name}"):
            return int(group[name].shape[0]) if name in group else 0

    def has(self, clip: str, name: str) -> bool:
        """Return whether a clip has a dataset of this name."""
        return name in self._group(clip)

    def read(self, clip: str, name: str, rows: slice | Sequence[int] = slice(None)) -> npt.NDArray[Any]:
        """Read rows of a clip's dataset.

        Raises ``ArtifactError`` naming the file where the dataset is absent or its checksum does not match.
        """
        # to look a dataset up takes longer than to read a frame of it
        if clip != self._latest:
            self._latest, self._datasets = clip, {}
        if name not in self._datasets:
            group = self._group(clip)
            if name not in group:
                raise ArtifactError(f"{self.path}: clip {clip!r} has no dataset {name!r}")
            with self._damage(f"{clip}/{name}"):
                self._datasets[name] = group[name]
        with self._damage(f"{clip}/{name}"):
            return np.asarray(self._datasets[name][rows])

    def rows(self, clip: str, name: str, numbers: Sequence[int]) -> npt.NDArray[Any]:
        """Return the rows of a frame-aligned dataset that belong to ascending frame numbers.

        Raises ``ArtifactError`` where some of the frames are absent.
        """
        known = self.read(clip, "frame")
        rows = np.searchsorted(known, numbers)
        if len(known) == 0 or not np.array_equal(known[np.minimum(rows, len(known) - 1)], numbers):
            raise ArtifactError(f"{self.path}: {clip!r} lacks some of the frames {numbers}; run its stage again")
        span = self.read(clip, name, slice(int(rows[0]), int(rows[-1]) + 1))
        return np.asarray(span[rows - rows[0]])

    def check(self, clip: str) -> None:
        """Read a clip's datasets back, a chunk at a time, and check that those of frames are equally long.

        Raises ``ArtifactError`` where a checksum does not match or the lengths differ.
        """
        group = self._group(clip)
        frames = self.length(clip)
        for name, dataset in group.items():
            rows = dataset.shape[0]
            if dataset.ndim > 1 and rows != frames:
                raise ArtifactError(f"{self.path}: {clip}/{name} has {rows} rows for {frames} frames")
            for start in range(0, rows, dataset.chunks[0]):
                self.read(clip, name, slice(start, start + dataset.chunks[0]))


@contextlib.contextmanager
def open_artifact(path: Path, kind: str | None = None) -> Iterator[ArtifactReader]:
    """Open a complete HDF5 artifact for reading.

    Raises ``ArtifactError`` naming the file where it is absent, no HDF5, incomplete, of another kind or version.
    """
    import h5py

    path = Path(path)
    try:
        file = h5py.File(path, "r", locking=LOCKING, rdcc_nbytes=CACHED_BYTES)
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be opened as HDF5 ({error}); delete it and run again") from error
    with file:
        reader = ArtifactReader(path, file)
        attributes = reader.attributes()
        if not attributes.get("complete", False):
            raise ArtifactError(f"{path}: was not completed; delete it and run again")
        found = attributes.get("schema_version"), attributes.get("kind")
        if found[0] != SCHEMA_VERSION:
            raise ArtifactError(f"{path}: has schema version {found[0]}, this is {SCHEMA_VERSION}; run the stage again")
        if kind is not None and found[1] != kind:
            raise ArtifactError(f"{path}: holds {found[1]!r}, expected {kind!r}")
        yield reader
