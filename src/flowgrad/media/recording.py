"""What a media file holds: its tracks, and one clock for pictures and sound.

Every packet of the tracks in use is read once, without being decoded, but for the first of each. So what the stamps
claim is known before the first picture is used, and costs no more than reading the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from flowgrad.errors import MediaError
from flowgrad.media.clock import LONG_S, STANDING_S, Clock, Shift, repair
from flowgrad.media.container import DEFAULT, films, open_media, packets, prepare, voices
from flowgrad.media.runs import Run, RunBuilder

ABRUPT = ("mpegts", "mpeg")
"""Containers (FFmpeg's names) whose stamps jump where recordings were joined."""
KNOW_THEIR_TRACKS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi")
KNOW_THE_WHOLE = ("asf", "flv")
"""Containers that say how long each track is, and how long the file is; of others FFmpeg guesses it."""
NO_PRESENTATION_TIMES = ("avi",)
"""Containers that stamp packets in the order of decoding alone: what FFmpeg gives as presentation times is a guess."""
TRUE_LENGTHS = ("mov,mp4,m4a,3gp,3g2,mj2", "avi")
"""Containers that say how long each picture is, the last one too."""
ALIKE = 0.5
"""An end that is this near to the claimed one is the claimed one, seconds."""
PTS_BACK_S = 5.0
"""Presentation times of a track without decoding times go back by as much as pictures are reordered."""


@dataclass(frozen=True)
class Track:
    """A track of a recording; times are on its clip's clock, seconds.

    Attributes:
        index: number of the stream in the file.
        codec: FFmpeg's name.
        shifts: the corrections of its stamps.
        coded_order: its stamps are in the order of decoding: the pictures, as they are shown, take them sorted.
        start: when its first packet is seen or heard.
        end: when its last packet ends.
        sample_rate: of a sound track, Hz; 0 of others.
    """

    index: int
    codec: str
    shifts: tuple[Shift, ...]
    coded_order: bool
    start: float
    end: float
    sample_rate: int = 0


@dataclass(frozen=True)
class Recording:
    """A media file whose packets were read; made by :func:`inspect`.

    Attributes:
        path: the file.
        container: FFmpeg's name of the format.
        pictures: the video track that is used; None where there is none.
        sound: the audio track that is used; None where there is none.
        zero: t = 0 of the clip on the corrected clock: the first picture or the first sample.
        clock: what was corrected.
        claimed_end: when the container says that the pictures end, seconds after ``zero``; None where it does not.
        notes: what a person should know of its tracks and its clock.
    """

    path: Path
    container: str
    pictures: Track | None
    sound: Track | None
    zero: Fraction
    clock: Clock
    claimed_end: Fraction | None
    notes: tuple[str, ...]

    @property
    def sound_end(self) -> float:
        """Return when the sound ends, seconds; 0 where there is none."""
        return self.sound.end if self.sound else 0.0


def stamped(recorded: Track, stream: Any, source: Iterator[Any]) -> Iterator[Any]:
    """Yield the packets of one track with corrected stamps; ``source`` gives those of ``stream`` alone."""
    pending = list(recorded.shifts)
    ticks, stamps = 0, _Stamps(stream)
    for number, packet in enumerate(source):
        while pending and pending[0].packet <= number:
            ticks = round(Fraction(pending.pop(0).seconds) / stream.time_base)
        pts, dts = stamps.of(packet)
        packet.pts = pts + ticks if pts is not None else None
        packet.dts = dts + ticks if dts is not None else None
        yield packet


class _Stamps:
    """The times of a stream's packets, ticks, as far as they can be."""

    def __init__(self, stream: Any):
        self._farthest = int(Fraction(STANDING_S) / stream.time_base)
        self.guessed = stream.container.format.name in NO_PRESENTATION_TIMES

    def of(self, packet: Any) -> tuple[int | None, int | None]:
        """Return presentation and decoding time; a presentation time that cannot be is the decoding time."""
        pts, dts = packet.pts, packet.dts
        if pts is None or dts is None:
            return pts, dts
        return (dts if self.guessed or abs(pts - dts) > self._farthest else pts), dts


@dataclass
class _Scan:
    """What is learnt of one track while its packets are read."""

    stream: Any
    by_dts: RunBuilder = field(default_factory=RunBuilder)
    by_pts: RunBuilder = field(default_factory=lambda: RunBuilder(PTS_BACK_S))
    packets: int = 0
    replaced: int = 0
    in_order: bool = True
    head: Fraction | None = None
    _latest: int | None = None

    def __post_init__(self) -> None:
        prepare(self.stream, "NONE")
        self._tick = float(self.stream.time_base)
        self._stamps = _Stamps(self.stream)

    def add(self, packet: Any, order: int) -> None:
        pts, dts = self._stamps.of(packet)
        length = max(packet.duration or 0, 0) * self._tick
        if pts is not None:
            self.by_pts.add(self.packets, order, pts * self._tick, length)
            self.in_order &= self._latest is None or pts > self._latest
            self._latest = pts
        if dts is not None:
            self.by_dts.add(self.packets, order, dts * self._tick, length)
        self.packets += 1
        self.replaced += pts != packet.pts and not self._stamps.guessed
        if self.head is None:
            packet.pts = pts
            self._look(packet)

    def _look(self, packet: Any) -> None:
        """Decode until the first picture or sample comes out: encoders put packets before it that are not shown."""
        import av

        try:
            for frame in packet.decode():
                if frame.pts is not None and self.head is None:
                    self.head = frame.pts * frame.time_base
        except (av.error.FFmpegError, ValueError):
            return

    @property
    def runs(self) -> list[Run]:
        """Return the runs by decoding times, which ascend, or where there are few of those by presentation times."""
        return self.by_dts.runs if 2 * self.by_dts.packets >= self.packets else self.by_pts.runs

    @property
    def coded_order(self) -> bool:
        if self.stream.type != "video":
            return False
        # in order though pictures are reordered: they are stamped as they are decoded
        reordered = self.in_order and bool(getattr(self.stream.codec_context, "has_b_frames", False))
        return self.stream.container.format.name in NO_PRESENTATION_TIMES or reordered


def inspect(path: Path) -> Recording:
    """Read the packets of a media file and return what it holds.

    Raises ``MediaError`` with a reason for a file that is absent, empty, or no readable media.
    """
    with open_media(path) as container:
        offered = {"pictures": films(container), "sound": voices(container)}
        by_stream = {stream.index: _Scan(stream) for streams in offered.values() for stream in streams}
        if by_stream:
            for order, packet in enumerate(packets(container, [scan.stream for scan in by_stream.values()], [])):
                by_stream[packet.stream_index].add(packet, order)
        found = {name: [by_stream[stream.index] for stream in streams] for name, streams in offered.items()}
        scans = {name: _taken(some) for name, some in found.items()}
        pictures, sound = scans["pictures"], scans["sound"]
        clock = repair(pictures.runs if pictures else [], sound.runs if sound else [], container.format.name in ABRUPT)
        heads = [head for name, scan in scans.items() if scan and (head := _head(scan, clock.shifts[name])) is not None]
        zero = min(heads, default=Fraction(0))
        tracks = {
            name: _track(scan, clock.shifts[name], zero) if scan and scan.packets else None
            for name, scan in scans.items()
        }
        claimed = None
        if pictures and not clock.repaired and not pictures.replaced:
            reached = max((track.end for track in tracks.values() if track), default=0.0)
            claimed = _claimed_end(container, pictures.stream, zero, Fraction(reached))
        notes = [
            *_track_notes("video", found["pictures"], pictures),
            *_track_notes("audio", found["sound"], sound),
            *_clock_notes(clock, zero, pictures.replaced if pictures else 0),
        ]
        return Recording(
            path, container.format.name, tracks["pictures"], tracks["sound"], zero, clock, claimed, tuple(notes)
        )


def _taken(scans: Sequence[_Scan]) -> _Scan | None:
    """Return the track that is used: the first that is offered, unless it is empty, or one picture beside a film."""
    return next((scan for least in (2, 1, 0) for scan in scans if scan.packets >= least), None)


def _head(scan: _Scan, shifts: tuple[Shift, ...]) -> Fraction | None:
    """Return when the first picture is shown or the first sample heard, on the corrected clock."""
    runs = scan.runs
    if scan.coded_order and runs:
        shown = scan.by_pts.runs or runs
        first, head = runs[0], Fraction(shown[0].start).limit_denominator(1_000_000)
    elif scan.head is not None:
        head = scan.head
        near = [run for run in runs if run.start - LONG_S <= head <= run.end + LONG_S]
        first = (near or runs)[0]
    else:
        return None
    seconds = next((shift.seconds for shift in reversed(shifts) if shift.packet <= first.packet), 0.0)
    return head + Fraction(seconds)


def _track(scan: _Scan, shifts: tuple[Shift, ...], zero: Fraction) -> Track:
    ends, seconds, pending = [], 0.0, list(shifts)
    for run in scan.runs:
        while pending and pending[0].packet <= run.packet:
            seconds = pending.pop(0).seconds
        ends.append((run.start + seconds - float(zero), run.end + seconds - float(zero)))
    start, end = min((start for start, _ in ends), default=0.0), max((end for _, end in ends), default=0.0)
    context = scan.stream.codec_context
    rate = int(context.sample_rate or 0) if scan.stream.type == "audio" else 0
    return Track(scan.stream.index, context.name, shifts, scan.coded_order, start, end, rate)


def _claimed_end(container: Any, stream: Any, zero: Fraction, reached: Fraction) -> Fraction | None:
    """Return when the container says that the pictures end, seconds after ``zero``; None where it does not say.

    Where its sound has ``reached`` that end, the last picture may stand until then.
    """
    if container.format.name in KNOW_THE_WHOLE:
        claimed = _whole_length(container, stream)
    elif container.format.name in KNOW_THEIR_TRACKS:
        claimed = _track_length(container, stream, zero)
    else:
        return None
    if claimed is None or (container.format.name not in TRUE_LENGTHS and claimed - reached <= ALIKE):
        return None
    return claimed


def _whole_length(container: Any, stream: Any) -> Fraction | None:
    import av

    if stream.duration is not None:
        return Fraction(stream.duration) * Fraction(stream.time_base)
    return Fraction(container.duration, av.time_base) if container.duration is not None else None


def _track_length(container: Any, stream: Any, zero: Fraction) -> Fraction | None:
    import av

    if stream.duration is not None:
        return Fraction((stream.start_time or 0) + stream.duration) * Fraction(stream.time_base) - zero
    tag = stream.metadata.get("DURATION", "")  # Matroska keeps a duration for each track as hours:minutes:seconds
    if tag.count(":") == 2:
        try:
            hours, minutes, seconds = map(Fraction, tag.split(":"))
        except ValueError:
            return None
        return hours * 3600 + minutes * 60 + seconds - zero
    # the whole file's duration can be that of its sound
    if container.duration is not None and len(container.streams) == 1:
        return Fraction(container.duration, av.time_base)
    return None


def _track_notes(kind: str, offered: Sequence[_Scan], taken: _Scan | None) -> Iterator[str]:
    least = min(taken.packets, 2) if taken else 0
    others = [scan for scan in offered if scan.packets >= least]
    if taken is not None and len(others) > 1:
        why = "the default one" if taken.stream.disposition.value & DEFAULT else "the first"
        yield f"{len(others)} {kind} tracks: number {taken.stream.index} is taken, {why}"


def _clock_notes(clock: Clock, zero: Fraction, replaced: int) -> Iterator[str]:
    for joint in clock.joints[:3]:
        what = "starts again" if joint.gap < 0 else f"jumps by {joint.gap:.2f} s"
        yield f"the clock {what} at {joint.time - float(zero):.2f} s: what comes after follows there"
    if len(clock.joints) > 3:
        yield f"the clock starts again or jumps in {len(clock.joints)} places"
    for name, seconds in clock.apart.items():
        yield f"the {name} would begin {seconds:.2f} s after all else by the stamps: taken to begin with it"
    lies = dict(clock.lies)
    if replaced:
        lies["pictures"] = lies.get("pictures", 0) + replaced
    for name, count in lies.items():
        if count:
            yield f"time stamps of the {name} that fit nowhere: {count}; they are taken in the order of the file"


def with_pictures(recording: Recording) -> Track:
    """Return the video track of a recording; raises ``MediaError`` where there is none."""
    if recording.pictures is None:
        raise MediaError("no video track")
    return recording.pictures
