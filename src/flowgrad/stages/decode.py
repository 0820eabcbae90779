"""Stage ``decode``: the clips of a shard as lossless 8 fps pictures and mono sound, and what became of each clip."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

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

    def note(self, reason: media.Reason) -> None:
        """Add a reason."""
        self.status = "failed" if reason.fault else self.status
        self.reason = f"{self.reason}; {reason.words}" if self.reason else reason.words


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
    versions = artifacts.library_versions("av")
    with artifacts.create(frames_out, frames.KIND, fps=FRAMES_PER_SECOND, sample_rates=rates, **versions) as output:
        for clip in read_shard(recipe.shard):
            status = ClipStatus(clip.name)
            keep = None if recipe.wanted is None else recipe.wanted.get(clip.name, ())
            try:
                recording = media.inspect(recipe.root / clip.video)
                seen = _pictures(recording, clip, recipe.root, output, status, keep)
            except MediaError as error:
                status.note(media.Reason(str(error), fault=True))
                output.drop(clip.name)
                if not (recipe.root / clip.video).is_file():
                    note_gone(recipe.shard, clip.name)
            else:
                heard, notes = _sound(recording, clip, recipe.root, output.existing(clip.name), status, rates)
                for reason in media.reasons(recording, seen, heard, notes):
                    status.note(reason)
            log.info("%s: %s %s", clip.name, status.status, status.reason)
            rows.append(status)
    return rows


def _pictures(
    recording: media.Recording,
    clip: PlannedClip,
    root: Path,
    output: artifacts.ArtifactWriter,
    status: ClipStatus,
    keep: Collection[int] | None,
) -> media.DecodeReport:
    source = clip.source_sha256(root)
    group = output.clip(clip.name, source_sha256=source, sound_sha256=clip.sound_sha256 or source)
    encoder, report = frames.PictureEncoder(group), media.DecodeReport()
    for picture in media.pictures(recording, report):
        if not status.width:
            status.width, status.height = picture.size
        if keep is None or picture.number in keep:
            encoder.add(picture)
    encoder.close()
    status.frames = report.frames
    return report


def _sound(
    recording: media.Recording,
    clip: PlannedClip,
    root: Path,
    group: artifacts.ClipWriter,
    status: ClipStatus,
    rates: list[int],
) -> tuple[media.SoundReport, list[str]]:
    """Write the sound of a clip; return what was met, and what is odd about a sound file of its own."""
    report, notes = media.SoundReport(), list[str]()
    try:
        if clip.sound:
            recording = media.inspect(root / clip.sound)
            notes = [f"{clip.sound}: {note}" for note in recording.notes]
        for blocks in media.sound(recording, rates, report):
            for rate, block in blocks.items():
                group.extend(f"sound_{rate}", block, chunk=1 << 14)
    except MediaError as error:
        status.sound_reason = f"{clip.sound}: {error}" if clip.sound else str(error)
        group.discard(f"sound_{rate}" for rate in rates)
        # what was met on the way is told by that reason
        return media.SoundReport(), notes
    status.sound_s = report.seconds
    return report, notes
