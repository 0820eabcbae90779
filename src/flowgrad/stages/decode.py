"""Stage ``decode``: the clips of a shard as lossless 8 fps pictures and mono sound, and what became of each clip."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from flowgrad import artifacts, frames, media
from flowgrad.errors import MediaError
from flowgrad.plan import PlannedClip, note_gone, read_shard
from flowgrad.protocols import FRAMES_PER_SECOND

log = logging.getLogger(__name__)

STATUS_COLUMNS = {
    "video": "str",
    "status": "str",
    "reason": "str",
    "frames": "int64",
    "width": "int64",
    "height": "int64",
    "sound_s": "float64",
    "sound_reason": "str",
}
SILENCE_AFTER_S = 0.5
"""Sound that ends this much before the pictures is worth a word."""


@dataclass
class ClipStatus:
    """What became of one clip: ``ok`` or ``failed`` (the file is at fault), and why.

    ``sound_s`` is None where there is no usable sound; ``sound_reason`` says why, for runs in which a model listens.
    """

    video: str
    status: str = "ok"
    reason: str = ""
    frames: int = 0
    width: int = 0
    height: int = 0
    sound_s: float | None = None
    sound_reason: str = ""

    def note(self, reason: str, failed: bool = False) -> None:
        """Add a reason."""
        self.status = "failed" if failed else self.status
        self.reason = f"{self.reason}; {reason}" if self.reason else reason


@dataclass(frozen=True)
class Recipe:
    """What a shard's frames are decoded from, and how.

    Attributes:
        shard: the shard's file.
        root: the dataset's folder.
        sample_rates: rates at which sound is kept, Hz.
        wanted: the frames to keep by clip; None keeps all.
    """

    shard: Path
    root: Path
    sample_rates: tuple[int, ...]
    wanted: Mapping[str, Collection[int]] | None = None


@contextlib.contextmanager
def at_hand(frames_in: Path, recipe: Recipe, on_disk: int) -> Iterator[Path]:
    """Give a frames artifact to read: the one that lies in its place, or one decoded anew.

    The latter where the former is a stub, or lacks a sample rate that came into the configuration since. It stays in
    that place for the other readers of the shard if there is room (see :func:`run`); otherwise it is removed on
    leaving the block.
    """
    if frames.offers(frames_in, recipe.sample_rates):
        yield frames_in
        return
    log.info("%s is a stub, or lacks a sample rate: decoding anew", frames_in)
    with frames.scratch(frames_in) as scratch:
        decode(recipe, scratch)
        if frames.offers(frames_in, recipe.sample_rates):
            # another reader was faster; to replace a file that is read is an error on some file systems
            yield frames_in
        elif frames.has_room(frames_in.parent, on_disk):
            frames.replace(frames_in, scratch)
            yield frames_in
        else:
            yield scratch


def run(recipe: Recipe, *, frames_out: Path, status_out: Path, on_disk: int) -> None:
    """Decode every clip of a shard.

    Where decoding runs ahead of what reads the pictures, they would fill the disk. So they are kept only while there
    is room; else a stub is left at once, and who needs pictures decodes anew (:func:`at_hand`).

    Args:
        recipe: what is decoded.
        frames_out: HDF5, pictures and sound by clip; clips without a single picture are absent. Or a stub.
        status_out: CSV, a row a clip.
        on_disk: how many shards may have pictures on disk, those excepted that running jobs are writing.
    """
    import pandas as pd

    with frames.scratch(frames_out) as scratch:
        rows = decode(recipe, scratch)
        table = pd.DataFrame([asdict(row) for row in rows], columns=list(STATUS_COLUMNS))
        artifacts.write_table(status_out, table.sort_values("video"))
        # asked when the pictures are there, not before: between this and the next line others hardly come
        if not frames.has_room(frames_out.parent, on_disk):
            log.info("%d shards have pictures on disk: these are not kept", on_disk)
            frames.write_stub(scratch)
        scratch.replace(frames_out)


def decode(recipe: Recipe, frames_out: Path) -> list[ClipStatus]:
    """Write the frames artifact of a recipe and return what became of each clip."""
    rates = sorted(set(recipe.sample_rates))
    rows = []
    versions = artifacts.library_versions("av", "ffmpeg-python")
    with artifacts.create(frames_out, frames.KIND, fps=FRAMES_PER_SECOND, sample_rates=rates, **versions) as output:
        for clip in read_shard(recipe.shard):
            status = ClipStatus(clip.name)
            keep = None if recipe.wanted is None else recipe.wanted.get(clip.name, ())
            try:
                _pictures(clip, recipe.root, output, status, keep)
            except MediaError as error:
                status.note(str(error), failed=True)
                output.drop(clip.name)
                if not (recipe.root / clip.video).is_file():
                    note_gone(recipe.shard, clip.name)
            else:
                _sound(clip, recipe.root, output, status, rates)
            log.info("%s: %s %s", clip.name, status.status, status.reason)
            rows.append(status)
    return rows


def _pictures(
    clip: PlannedClip,
    root: Path,
    output: artifacts.ArtifactWriter,
    status: ClipStatus,
    keep: Collection[int] | None,
) -> None:
    source = clip.source_sha256(root)
    group = output.clip(clip.name, source_sha256=source, sound_sha256=clip.sound_sha256 or source)
    encoder, report = frames.PictureEncoder(group), media.DecodeReport()
    for picture in media.pictures(root / clip.video, report):
        if not status.width:
            sideways = picture.rotation % 180 != 0
            size = (picture.frame.width, picture.frame.height)
            status.width, status.height = size[::-1] if sideways else size
        if keep is None or picture.number in keep:
            encoder.add(picture)
    encoder.close()
    status.frames = report.frames
    for fault in report.faults:
        status.note(fault, failed=True)


def _sound(
    clip: PlannedClip, root: Path, output: artifacts.ArtifactWriter, status: ClipStatus, rates: list[int]
) -> None:
    path = root / (clip.sound or clip.video)
    group = output.existing(clip.name)
    try:
        channels = media.sound_channels(path)
        if channels == 0:
            raise MediaError("no sound track")
        for rate in rates:
            samples, peak, faults = 0, 0.0, list[str]()
            for block in media.sound_blocks(path, channels, rate, faults):
                group.extend(f"sound_{rate}", block, chunk=1 << 14)
                samples += block.size
                peak = max(peak, float(np.abs(block).max(initial=0)))
            status.sound_s = samples / rate
    except MediaError as error:
        status.sound_s = None
        status.sound_reason = f"{clip.sound}: {error}" if clip.sound else str(error)
        group.discard(f"sound_{rate}" for rate in rates)
        return
    for fault in faults:
        status.note(fault, failed=True)
    if peak == 0:
        status.note("the sound is digital silence")
    elif status.sound_s is not None and status.frames / FRAMES_PER_SECOND - status.sound_s > SILENCE_AFTER_S:
        status.note(f"the sound ends at {status.sound_s:.2f} s; silence stands in after that")
