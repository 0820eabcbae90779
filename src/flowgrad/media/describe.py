"""``flowgrad check FILE``: what a file holds and what the pipeline makes of it, as text for a person who wonders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flowgrad.errors import MediaError
from flowgrad.media.audio import SoundReport, sound
from flowgrad.media.container import COVER, open_media
from flowgrad.media.orientation import Orientation
from flowgrad.media.reasons import Reason, reasons
from flowgrad.media.recording import Recording, inspect
from flowgrad.media.video import DecodeReport, Picture, pictures

RATE = 16000
TURNS = {
    Orientation(): "upright",
    Orientation(transpose=True, mirrored=True): "turned a quarter clockwise",
    Orientation(upside_down=True, mirrored=True): "turned by half",
    Orientation(transpose=True, upside_down=True): "turned a quarter counter-clockwise",
    Orientation(mirrored=True): "mirrored left to right",
    Orientation(upside_down=True): "mirrored top to bottom",
    Orientation(transpose=True): "mirrored about a diagonal",
    Orientation(transpose=True, upside_down=True, mirrored=True): "mirrored about the other diagonal",
}


def describe(path: Path) -> tuple[str, bool]:
    """Return tracks, rates, orientation, times, and what is odd or wrong, and whether nothing is wrong; decodes it all.

    Raises ``MediaError`` with a reason for a file that is absent, empty, or no readable media.
    """
    recording = inspect(path)
    with open_media(path) as container:
        tracks = [line for stream in container.streams for line in _track(stream, recording)]
    shown, seen, faults = None, DecodeReport(), list[Reason]()
    try:
        for picture in pictures(recording, seen):
            shown = shown or picture
    except MediaError as error:
        faults.append(Reason(str(error), fault=True))
    heard, quiet = SoundReport(), list[Reason]()
    try:
        for _ in sound(recording, [RATE], heard):
            pass
    except MediaError as error:
        quiet.append(Reason(f"{error}: models that listen have no map"))
    found = faults + reasons(recording, seen, heard) + quiet
    lines = [f"{path}: {recording.container}", *tracks, *_times(recording, shown, seen, heard), ""]
    if not found:
        return "\n".join([*lines, "nothing is odd about it"]), True
    told = [f"{'fault' if one.fault else 'note'}: {one.words}" for one in found]
    return "\n".join([*lines, *told]), not any(one.fault for one in found)


def _track(stream: Any, recording: Recording) -> Iterator[str]:
    context, used = stream.codec_context, (recording.pictures, recording.sound)
    name = "unknown codec" if context is None else context.name
    if stream.type == "video" and context is not None:
        rate = f", {float(stream.average_rate):.6g} pictures a second on average" if stream.average_rate else ""
        name += f", {context.width}x{context.height}{rate}"
    elif stream.type == "audio" and context is not None:
        name += f", {context.sample_rate} Hz, {context.layout.name}"
    taken = any(track is not None and track.index == stream.index for track in used)
    cover = stream.type == "video" and stream.disposition.value & COVER
    mark = "used" if taken else "a cover picture, not used" if cover else "not used"
    yield f"  track {stream.index}  {stream.type}: {name} ({mark})"


def _times(recording: Recording, shown: Picture | None, seen: DecodeReport, heard: SoundReport) -> Iterator[str]:
    if shown is not None:
        width, height = shown.size
        yield (
            f"  pictures  {shown.source_time:.3f} s to {float(seen.end):.3f} s: {seen.sources},"
            f" of which 8 a second give {seen.frames} frames, {width}x{height}, {TURNS[shown.orientation]}"
        )
    if heard.seconds is not None and recording.sound is not None:
        yield f"  sound     {max(recording.sound.start, 0.0):.3f} s to {heard.seconds:.3f} s"
    yield f"  t = 0     is {float(recording.zero):.3f} s on the file's own clock"
