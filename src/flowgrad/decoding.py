"""Decoding a shard: its clips as lossless 8 fps frames and mono audio, and what became of each clip."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flowgrad import artifacts, frames, media
from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.errors import MediaError
from flowgrad.shard import PlannedClip, note_gone, read_shard

log = logging.getLogger(__name__)

ANY_RATE = 16000
"""At which audio is decoded where no model asks for a rate, and at which loudness is measured, Hz."""


@dataclass
class ClipStatus:
    """What became of one clip: ``ok`` or ``failed`` (the file is at fault), and why.

    ``sound_s`` is None where there is no usable sound; ``sound_reason`` says why, for runs in which a model listens.
    ``anchor_s`` is the time of a still in its sound, ``published_flow`` is 1 where the dataset brings flow for it.
    """

    video: str
    status: str = "ok"
    reason: str = ""
    frames: int = 0
    width: int = 0
    height: int = 0
    sound_s: float | None = None
    sound_reason: str = ""
    anchor_s: float | None = None
    published_flow: int = 0

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
        views: how networks see frames; what they see is kept, too.
    """

    shard: Path
    root: Path
    sample_rates: tuple[int, ...]
    wanted: Mapping[str, Collection[int]] | None = None
    views: tuple[frames.View, ...] = ()


def decode(recipe: Recipe, frames_out: Path) -> list[ClipStatus]:
    """Write the frames artifact of a recipe and return what became of each clip."""
    # whether a clip sounds is told even while nobody listens: a model that is added later asks
    rates = sorted(set(recipe.sample_rates)) or [ANY_RATE]
    rows = []
    versions = artifacts.library_versions("av", "pillow", "opencv-python")
    with artifacts.create(frames_out, frames.KIND, fps=FRAMES_PER_SECOND, sample_rates=rates, **versions) as output:
        for clip in read_shard(recipe.shard):
            status = ClipStatus(clip.name)
            try:
                if clip.still:
                    _still(clip, recipe, output, status, rates)
                else:
                    _video(clip, recipe, output, status, rates)
            except MediaError as error:
                status.note(media.Reason(str(error), fault=True))
                output.drop(clip.name)
                if not (recipe.root / clip.video).is_file():
                    note_gone(recipe.shard, clip.name)
            log.info("%s: %s %s", clip.name, status.status, status.reason)
            rows.append(status)
    return rows


def _video(
    clip: PlannedClip, recipe: Recipe, output: artifacts.ArtifactWriter, status: ClipStatus, rates: list[int]
) -> None:
    """Write frames and audio of a video; raises ``MediaError`` where it has no frame."""
    recording = media.inspect(recipe.root / clip.video)
    seen = _pictures(recording, clip, recipe, output, status)
    heard, notes = _sound(recording, clip, recipe.root, output.existing(clip.name), status, rates)
    for reason in media.reasons(recording, seen, heard, notes):
        status.note(reason)


def _still(
    clip: PlannedClip, recipe: Recipe, output: artifacts.ArtifactWriter, status: ClipStatus, rates: list[int]
) -> None:
    """Write the one frame and the audio of a still; raises ``MediaError`` where the picture cannot be read."""
    root = recipe.root
    picture = media.still(root / clip.video)
    source = clip.source_sha256(root)
    group = output.clip(clip.name, source_sha256=source, sound_sha256=clip.sound_sha256 or source)
    encoder = frames.FrameEncoder(group, recipe.views)
    encoder.add(picture)
    encoder.close()
    status.frames, (status.width, status.height) = 1, picture.size
    if clip.sound:
        heard, notes = _sound(None, clip, root, group, status, rates)
        for reason in [*map(media.Reason, (*notes, *heard.notes)), *(media.Reason(one, True) for one in heard.faults)]:
            status.note(reason)
    else:
        status.sound_reason = "there is no sound file"
    status.anchor_s = clip.anchor_s if clip.anchor_s is not None else (status.sound_s or 0.0) / 2
    status.published_flow = int(clip.flow is not None and _is_whole(clip.flow, root, status))
    group.attributes(anchor_s=status.anchor_s)


def _is_whole(flow: tuple[str, str], root: Path, status: ClipStatus) -> bool:
    """Return whether the published pictures of flow can be read; say so where one cannot."""
    for name in flow:
        try:
            media.still(root / name)
        except MediaError as error:
            status.note(media.Reason(f"{name}: {error}; no row uses its flow", fault=True))
            return False
    return True


def _pictures(
    recording: media.Recording,
    clip: PlannedClip,
    recipe: Recipe,
    output: artifacts.ArtifactWriter,
    status: ClipStatus,
) -> media.DecodeReport:
    keep = None if recipe.wanted is None else recipe.wanted.get(clip.name, ())
    source = clip.source_sha256(recipe.root)
    group = output.clip(clip.name, source_sha256=source, sound_sha256=clip.sound_sha256 or source)
    encoder, report = frames.FrameEncoder(group, recipe.views), media.DecodeReport()
    for picture in media.pictures(recording, report):
        if not status.width:
            status.width, status.height = picture.size
        if keep is None or picture.number in keep:
            encoder.add(picture)
    encoder.close()
    status.frames = report.frames
    return report


def _sound(
    recording: media.Recording | None,
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
        assert recording is not None, clip.name
        blocks: Iterable[dict[int, media.Samples]] = media.sound(recording, rates, report)
        if clip.mixed:
            other = media.inspect(root / clip.mixed)
            first, second = media.whole(blocks, rates), media.whole(media.sound(other, rates), rates)
            blocks = [{rate: media.mixture(first[rate], second[rate]) for rate in rates}]
        for some in blocks:
            for rate, block in some.items():
                # half a clip's bytes of pictures at most, and gone with them: not worth the time to pack
                group.extend(frames.audio_name(rate), block, chunk=1 << 14, compress=False)
    except MediaError as error:
        status.sound_reason = f"{clip.sound_files}: {error}" if clip.sound else str(error)
        group.discard(frames.audio_name(rate) for rate in rates)
        # what was met on the way is told by that reason
        return media.SoundReport(), notes
    status.sound_s = report.seconds
    return report, notes
