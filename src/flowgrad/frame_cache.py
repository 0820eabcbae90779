"""The frames of shards on disk: kept while they are read, then a stub; decoded anew where somebody needs them again.

The workflow engine's own temporary files will not do: it redoes every rule that reads a temporary file as soon as one
of them needs it again, so that one new model would redo flow, detection and all other models. So a stub of a few
kilobytes with the same modification time takes the place of frames that nobody waits for. To the engine it is the
same file; who finds a stub decodes for itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flowgrad import frames
from flowgrad.artifacts import create, open_artifact
from flowgrad.decoding import ClipStatus, Recipe, decode

log = logging.getLogger(__name__)

STUB = "released frames"
STUB_BYTES = 1 << 16
"""No stub is larger, and no artifact with frames that is worth removing smaller."""
SCRATCH, LOCK = ".scratch-", "lock"


@dataclass(frozen=True)
class FrameCache:
    """The frames artifacts of a results folder.

    Attributes:
        folder: where they lie, one a shard.
        on_disk: how many of them may hold frames, those excepted that running jobs are writing.
    """

    folder: Path
    on_disk: int

    def path(self, shard: str) -> Path:
        """Return the artifact of a shard, or its stub."""
        return self.folder / f"{shard}.h5"

    def fill(self, shard: str, recipe: Recipe) -> list[ClipStatus]:
        """Decode a shard and return what became of each clip.

        Where decoding runs ahead of what reads the frames, they would fill the disk: without room a stub is left.
        """
        path = self.path(shard)
        with self.scratch() as folder:
            made = folder / path.name
            statuses = decode(recipe, made)
            # asked when the frames are there, not before: between this and the next line others hardly come
            if not self.has_room():
                log.info("%d shards have frames on disk: these are not kept", self.on_disk)
                _write_stub(made)
            made.replace(path)
        return statuses

    @contextlib.contextmanager
    def at_hand(self, shard: str, recipe: Recipe) -> Iterator[Path]:
        """Give the frames of a shard to read: those that lie in their place, or decoded anew.

        The latter where a stub lies there, or a sample rate is lacking that came into the configuration since. They
        stay in that place for the other readers of the shard if there is room; otherwise they go on leaving the block.
        What networks see may be lacking: a reader makes it for itself (:meth:`flowgrad.frames.FrameReader.seen`).
        """
        path = self.path(shard)
        if offers(path, recipe.sample_rates):
            yield path
            return
        log.info("%s is a stub, or lacks a sample rate: decoding anew", path)
        with self.scratch() as folder:
            made = folder / path.name
            decode(recipe, made)
            if offers(path, recipe.sample_rates):
                # another reader was faster; to replace a file that is read is an error on some file systems
                yield path
            elif self.has_room():
                _put(made, path)
                yield path
            else:
                yield made

    def release(self, shard: str) -> None:
        """Leave a stub in the place of a shard's frames."""
        with self.scratch() as folder:
            stub = folder / self.path(shard).name
            _write_stub(stub)
            _put(stub, self.path(shard))

    def has_room(self) -> bool:
        """Return whether fewer artifacts hold frames than may."""
        kept = 0
        for path in self.folder.glob("*.h5"):
            # one that is made anew is gone for a while
            with contextlib.suppress(FileNotFoundError):
                kept += path.stat().st_size > STUB_BYTES
        return kept < self.on_disk

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a hidden folder beside the artifacts that goes on leaving the block.

        It is locked meanwhile, so that :meth:`sweep` knows it from what a killed process left.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix=SCRATCH, dir=self.folder) as name,
            (Path(name) / LOCK).open("w") as lock,
        ):
            # a file system without locks: nothing is swept there
            with contextlib.suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield Path(name)

    def sweep(self) -> None:
        """Remove the hidden folders that killed processes left."""
        for left in self.folder.glob(f"{SCRATCH}*"):
            with contextlib.suppress(OSError), (left / LOCK).open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left)


def offers(path: Path, sample_rates: Iterable[int]) -> bool:
    """Return whether an artifact holds frames, is no stub, and has audio at all of these rates."""
    with open_artifact(path) as artifact:
        attributes = artifact.attributes()
        if attributes["kind"] != frames.KIND:
            return False
        return set(sample_rates) <= set(json.loads(attributes["sample_rates"]))


def _write_stub(path: Path) -> None:
    with create(path, STUB):
        pass


def _put(made: Path, path: Path) -> None:
    """Put a file in the place of another, with its modification time: what was made from it stays done."""
    stamp = path.stat()
    os.utime(made, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    made.replace(path)
