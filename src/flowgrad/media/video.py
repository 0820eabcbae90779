"""The pictures of a recording, 8 a second, by timestamp.

Frame k is the picture on display at t = k/8 s, that is the one with the largest timestamp <= k/8. Before the first
picture (a video track that starts late, a recording that begins between key frames) the first one stands in.
Timestamps are compared as exact fractions: frame numbers and nominal rates are never used, so variable rates, start
offsets and 23.976 or 29.97 sources come out right.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.errors import MediaError
from flowgrad.media.clock import LONG_S
from flowgrad.media.container import open_media, packets, prepare
from flowgrad.media.orientation import Orientation, orientation_of
from flowgrad.media.recording import Recording, stamped, with_pictures

LARGEST_GAP_S = 0.5
"""A recording that ends this much before its container says (or a hole this long) is called truncated (damaged)."""
REORDERED = 32
"""No decoder holds back more pictures than this."""


@dataclass
class Picture:
    """One 8 fps frame: the decoded picture, its number, and the timestamp of the source picture in seconds.

    Frames that show one source picture share its ``frame``.
    """

    number: int
    source_time: float
    frame: Any

    @cached_property
    def orientation(self) -> Orientation:
        """Return what brings the decoded picture upright."""
        return orientation_of(self.frame)

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height of the upright picture, pixels."""
        size = int(self.frame.width), int(self.frame.height)
        return size[::-1] if self.orientation.transpose else size

    def rgb(self) -> npt.NDArray[np.uint8]:
        """Return the upright picture, (H, W, 3) uint8 RGB."""
        return self.orientation.applied(self.frame.to_ndarray(format="rgb24", interpolation="BICUBIC"))


@dataclass
class DecodeReport:
    """What decoding a file met: filled in while :func:`pictures` runs, complete when it is exhausted.

    Attributes:
        frames: how many frames there are.
        sources: how many pictures they show.
        end: when the last one ends, seconds.
        lost_before: packets that could not be decoded before the first picture.
        damaged_packets: packets that could not be decoded after it.
        damaged_pictures: pictures of which the decoder says that parts are made up.
        hidden: pictures that are never on display: others come after them with an earlier stamp.
        late: pictures whose stamp is later than that of the next one, which is shown in time.
        resized: how often the size of the pictures changes.
        faults: what is wrong with the file, one sentence each.
        notes: what is odd about it and right all the same.
    """

    frames: int = 0
    sources: int = 0
    end: Fraction = Fraction(0)
    lost_before: int = 0
    damaged_packets: int = 0
    damaged_pictures: int = 0
    hidden: int = 0
    late: int = 0
    resized: int = 0
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Pending:
    """The picture on display, since when, and how long it lasts as far as is known."""

    frame: Any
    at: Fraction
    length: Fraction


def pictures(recording: Recording, report: DecodeReport | None = None) -> Iterator[Picture]:
    """Yield the frames of a recording at 8 per second, in order; memory does not grow with length.

    Damaged packets are skipped and counted in ``report``; a recording that ends early or has a hole is noted there.
    Raises ``MediaError`` when the file has no video or not a single picture can be decoded.
    """
    report = report or DecodeReport()
    track = with_pictures(recording)
    with open_media(recording.path) as container:
        stream = container.streams[track.index]
        prepare(stream, "AUTO")
        number, shown, length = 0, None, Fraction(0)
        standing: list[tuple[float, float]] = []
        for frame, at in in_order(
            of_one_size(decoded(recording, container, stream, report), report), recording, report
        ):
            if shown is None:
                _note_late_start(report, at)
            else:
                length = at - shown.at
                if length > max(Fraction(LARGEST_GAP_S), 2 * shown.length) and report.damaged_packets:
                    report.faults.append(f"pictures missing between {float(shown.at):.2f} s and {float(at):.2f} s")
                elif length > LONG_S:
                    standing.append((float(length), float(shown.at)))
                while Fraction(number, FRAMES_PER_SECOND) < at:
                    yield Picture(number, float(shown.at), shown.frame)
                    number += 1
            if frame.duration:
                length = frame.duration * stream.time_base
            report.sources += 1
            report.damaged_pictures += bool(frame.is_corrupt)
            shown = Pending(frame, at, length)
        if shown is None:
            raise MediaError("no picture could be decoded" if report.lost_before else "zero frames")
        length = last_length(recording, shown, stream)
        if length > LONG_S:
            standing.append((float(length), float(shown.at)))
        report.end = shown.at + length
        while Fraction(number, FRAMES_PER_SECOND) < report.end:
            yield Picture(number, float(shown.at), shown.frame)
            number += 1
        report.frames = number
        _judge(recording, report, standing)


def in_order(
    frames: Iterator[tuple[Any, Fraction | None]], recording: Recording, report: DecodeReport
) -> Iterator[tuple[Any, Fraction]]:
    """Yield decoded frames and when they come on display, which ascends; those that never do are left out and counted.

    One picture is held back: a stamp that is later than its successor's, which fits those before, is the one that lies.
    """
    before: Fraction | None = None
    held: tuple[Any, Fraction] | None = None
    step = Fraction(0)
    for frame, stamp in frames:
        if held is None:
            held = frame, stamp - recording.zero if stamp is not None else Fraction(0)
            continue
        at = stamp - recording.zero if stamp is not None else held[1] + (_length(frame, step) or step)
        if at <= held[1] and (before is None or at > before):
            # the held one comes between its neighbours
            report.late += 1
            held = held[0], at - step / 2 if before is None else (before + at) / 2
        if at <= held[1]:
            report.hidden += 1
            continue
        yield held
        step = at - held[1]
        before, held = held[1], (frame, at)
    if held is not None:
        yield held


def _length(frame: Any, otherwise: Fraction) -> Fraction:
    return frame.duration * frame.time_base if frame.duration and frame.time_base else otherwise


def of_one_size(
    frames: Iterator[tuple[Any, Fraction | None]], report: DecodeReport
) -> Iterator[tuple[Any, Fraction | None]]:
    """Yield the frames in the size of the first: recordings of another size may be joined to it."""
    size = latest = None
    for frame, stamp in frames:
        found = frame.width, frame.height
        size = size or found
        report.resized += latest is not None and found != latest
        latest = found
        if found != size:
            duration = frame.duration
            frame = frame.reformat(width=size[0], height=size[1])
            frame.duration = duration
        yield frame, stamp


def last_length(recording: Recording, shown: Pending, stream: Any) -> Fraction:
    """Return how long the last picture lasts: as declared, but no longer than the file makes plausible."""
    length = shown.length
    if not length:
        length = 1 / Fraction(stream.average_rate) if stream.average_rate else Fraction(1, FRAMES_PER_SECOND)
    plausible = max(LONG_S, recording.sound_end - float(shown.at), recording.clock.standing_left)
    return min(length, Fraction(plausible))


def _note_late_start(report: DecodeReport, at: Fraction) -> None:
    # a capture that begins between key frames is whole from the first one on
    lost = f"; packets before it that cannot be decoded: {report.lost_before}" if report.lost_before else ""
    if at > LARGEST_GAP_S or lost:
        report.notes.append(f"the first picture comes at {float(at):.2f} s and stands for the time before{lost}")


def _judge(recording: Recording, report: DecodeReport, standing: list[tuple[float, float]]) -> None:
    expected = recording.claimed_end
    if expected is not None and expected - report.end > LARGEST_GAP_S:
        report.faults.append(f"truncated: pictures end at {float(report.end):.2f} s of {float(expected):.2f} s")
    if report.damaged_packets:
        report.faults.append(f"damaged packets were left out: {report.damaged_packets}")
    if report.damaged_pictures:
        report.faults.append(f"pictures are damaged: {report.damaged_pictures} of {report.sources}")
    if standing:
        length, at = max(standing)
        one = "one picture stands" if len(standing) == 1 else f"{len(standing)} pictures stand for more than 10 s, one"
        report.notes.append(f"{one} for {length:.1f} s, from {at:.2f} s on")
    if report.late:
        report.notes.append(
            f"pictures whose stamp is later than the next one's: {report.late}; they are shown before it"
        )
    if report.hidden:
        report.notes.append(f"pictures that are never on display, for later ones have earlier stamps: {report.hidden}")
    if report.resized:
        report.notes.append(f"the size of the pictures changes on the way: {report.resized}; all get that of the first")
    if recording.sound_end - float(report.end) > LONG_S:
        report.notes.append(f"the pictures end at {float(report.end):.2f} s, the sound at {recording.sound_end:.2f} s")
    if report.sources == 1:
        why = "nothing moves" if report.frames > 1 else "there is no next frame, so rows that need motion have no map"
        report.notes.append(f"one picture only: {why}")


def decoded(
    recording: Recording, container: Any, stream: Any, report: DecodeReport
) -> Iterator[tuple[Any, Fraction | None]]:
    """Yield decoded frames and their corrected stamps, seconds; a damaged packet does not end the video."""
    import av

    track, shown = with_pictures(recording), False
    order = _CodedOrder() if track.coded_order else None

    def seconds(frame: Any) -> Fraction | None:
        ticks = order.stamp(frame) if order else frame.pts
        return ticks * stream.time_base if ticks is not None else None

    for number, packet in enumerate(stamped(track, stream, packets(container, [stream], report.faults))):
        if order:
            order.sent(packet, number)
        try:
            for frame in packet.decode():
                shown = True
                yield frame, seconds(frame)
        except (av.error.FFmpegError, ValueError):
            report.damaged_packets += shown
            report.lost_before += not shown
            if order:
                order.lost(number)
    try:
        for frame in stream.decode(None):
            shown = True
            yield frame, seconds(frame)
    except (av.error.FFmpegError, ValueError):
        report.damaged_packets += shown
        report.lost_before += not shown


class _CodedOrder:
    """Times for pictures whose packets are stamped in the order of decoding: as shown, they take them in that order."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, int | None]] = deque()

    def sent(self, packet: Any, number: int) -> None:
        """Note the stamp of a packet, and mark it with its number, which comes back with its picture."""
        self._waiting.append((number, packet.pts if packet.pts is not None else packet.dts))
        packet.pts = number

    def lost(self, number: int) -> None:
        """Forget the stamp of a packet that gave no picture."""
        with contextlib.suppress(StopIteration):
            self._waiting.remove(next(pair for pair in self._waiting if pair[0] == number))

    def stamp(self, frame: Any) -> int | None:
        """Return the stamp of the next picture that is shown."""
        # packets before a key frame are shown before it, or were lost without a word
        while frame.key_frame and frame.pts is not None and self._waiting and self._waiting[0][0] < frame.pts:
            self._waiting.popleft()
        while len(self._waiting) > REORDERED:
            self._waiting.popleft()
        return self._waiting.popleft()[1] if self._waiting else None
