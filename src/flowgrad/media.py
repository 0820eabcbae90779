"""Decoding: pictures by timestamp (PyAV), sound by the ffmpeg program (ffmpeg-python).

Frame k is the picture on display at t = k/8 s, that is the one with the largest timestamp <= k/8, where t = 0 is the
earliest timestamp of the file's streams. Before the first picture (a video track that starts late) the first one
stands in. Timestamps are compared as exact fractions: frame numbers and nominal rates are never used, so variable
rates, start offsets and 23.976 or 29.97 sources come out right.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flowgrad.errors import MediaError
from flowgrad.protocols import FRAMES_PER_SECOND

PCM_BLOCK = 1 << 16
"""Samples a channel that are read from ffmpeg at once."""

LARGEST_GAP_S = 0.5
"""A recording that ends this much before its container says (or a hole this long) is called truncated (damaged)."""


@dataclass
class Picture:
    """One 8 fps frame: the decoded picture, its number, and the timestamp of the source picture in seconds."""

    number: int
    source_time: float
    frame: Any
    rotation: int

    def rgb(self) -> npt.NDArray[np.uint8]:
        """Return the upright picture, (H, W, 3) uint8 RGB."""
        return np.ascontiguousarray(
            np.rot90(self.frame.to_ndarray(format="rgb24", interpolation="BICUBIC"), k=self.rotation // 90)
        )


@dataclass
class DecodeReport:
    """What decoding a file met: filled in while :func:`pictures` runs, complete when it is exhausted."""

    frames: int = 0
    end: Fraction = Fraction(0)
    expected_end: Fraction | None = None
    damaged_packets: int = 0
    faults: list[str] = field(default_factory=list)


def open_video(path: Path) -> Any:
    """Open a media file with PyAV.

    Raises ``MediaError`` with a reason for a file that is absent, empty, or no readable media.
    """
    import av

    if not path.is_file():
        raise MediaError("file not found")
    if path.stat().st_size == 0:
        raise MediaError("empty file (0 bytes)")
    try:
        return av.open(str(path))
    except (av.error.FFmpegError, UnicodeDecodeError) as error:
        raise MediaError(f"unreadable: {_ffmpeg_words(error)}") from error


def _ffmpeg_words(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error)


def pictures(path: Path, report: DecodeReport) -> Iterator[Picture]:
    """Yield the frames of a video at 8 per second, in order; memory does not grow with length.

    Damaged packets are skipped and counted in ``report``; a recording that ends early or has a hole is noted there.
    Raises ``MediaError`` when the file has no video or not a single picture can be decoded.
    """
    import av

    with open_video(path) as container:
        if not container.streams.video:
            raise MediaError("no video track")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        zero = Fraction(container.start_time or 0, av.time_base)
        report.expected_end = _expected_end(container, stream, zero)
        number, shown, shown_at, length = 0, None, Fraction(0), Fraction(0)
        for frame in _decoded(container, stream, report):
            at = frame.pts * frame.time_base - zero if frame.pts is not None else shown_at + length
            if shown is not None and at <= shown_at:
                continue  # a picture that is never on display
            if shown is not None:
                if at - shown_at > max(Fraction(LARGEST_GAP_S), 2 * length) and report.damaged_packets:
                    report.faults.append(f"pictures missing between {float(shown_at):.2f} s and {float(at):.2f} s")
                length = at - shown_at
                while Fraction(number, FRAMES_PER_SECOND) < at:
                    yield Picture(number, float(shown_at), shown, int(shown.rotation))
                    number += 1
            shown, shown_at = frame, at
            if frame.duration:
                length = frame.duration * frame.time_base
        if shown is None:
            raise MediaError("no picture could be decoded" if report.damaged_packets else "zero frames")
        if not length:
            length = 1 / Fraction(stream.average_rate) if stream.average_rate else Fraction(1, FRAMES_PER_SECOND)
        report.end = shown_at + length
        while Fraction(number, FRAMES_PER_SECOND) < report.end:
            yield Picture(number, float(shown_at), shown, int(shown.rotation))
            number += 1
        report.frames = number
        _judge(report)


def _expected_end(container: Any, stream: Any, zero: Fraction) -> Fraction | None:
    """Return when the container says that the pictures end, seconds after ``zero``; None where it does not say."""
    import av

    if stream.duration is not None:
        return Fraction((stream.start_time or 0) + stream.duration) * Fraction(stream.time_base) - zero
    tag = stream.metadata.get("DURATION", "")  # Matroska keeps a duration for each track as hours:minutes:seconds
    if tag.count(":") == 2:
        hours, minutes, seconds = tag.split(":")
        return Fraction(hours) * 3600 + Fraction(minutes) * 60 + Fraction(seconds) - zero
    # the whole file's duration can be that of its sound
    if container.duration is not None and len(container.streams) == 1:
        return Fraction(container.duration, av.time_base)
    return None


def _judge(report: DecodeReport) -> None:
    expected = report.expected_end
    if expected is not None and expected - report.end > LARGEST_GAP_S:
        report.faults.append(f"truncated: pictures end at {float(report.end):.2f} s of {float(expected):.2f} s")
    if report.damaged_packets:
        report.faults.append(f"{report.damaged_packets} damaged packets were left out")


def _decoded(container: Any, stream: Any, report: DecodeReport) -> Iterator[Any]:
    """Decode packet by packet, so that one damaged packet does not end the video."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError as error:
            report.faults.append(f"reading stopped: {_ffmpeg_words(error)}")
            return
        try:
            yield from packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            report.damaged_packets += 1


def ffmpeg_program() -> str:
    """Return the ffmpeg program: the system's, else the one that the package ``imageio-ffmpeg`` carries."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def sound_channels(path: Path) -> int:
    """Return the number of channels of a file's first sound track, 0 if it has none.

    Raises ``MediaError`` for a file that cannot be read.
    """
    with open_video(path) as container:
        streams = container.streams.audio
        return int(streams[0].codec_context.channels) if streams else 0


def sound_blocks(path: Path, channels: int, sample_rate: int, faults: list[str]) -> Iterator[npt.NDArray[np.float32]]:
    """Yield a file's first sound track as mono blocks, (S,) float32, at ``sample_rate`` Hz, from t = 0.

    The channels are averaged; silence fills holes and a late start, so that sample n is at t = n / sample_rate.
    What ffmpeg complains of is added to ``faults`` when the last block was read. Raises ``MediaError`` if it cannot
    decode the track at all.
    """
    import ffmpeg

    command = (
        ffmpeg.input(str(path))
        .audio.filter("aresample", sample_rate, **{"async": 1, "first_pts": 0})
        .output("pipe:", format="f32le", acodec="pcm_f32le", ac=channels)
        .global_args("-nostdin", "-v", "error", "-threads", "1")
        .compile(cmd=ffmpeg_program())
    )
    # a file, not a pipe: a damaged track can say more than a pipe holds while nobody reads it
    complaints = tempfile.TemporaryFile()  # noqa: SIM115
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints)
    assert process.stdout is not None
    samples = 0
    try:
        while raw := process.stdout.read(PCM_BLOCK * channels * 4):
            whole = len(raw) - len(raw) % (4 * channels)
            block = np.frombuffer(raw[:whole], "<f4").reshape(-1, channels).mean(axis=1, dtype=np.float32)
            samples += block.size
            yield np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0)
        process.wait()
        complaints.seek(0)
        words = complaints.read().decode("utf-8", "replace").strip().splitlines()
    finally:
        process.stdout.close()
        process.kill()
        process.wait()
        complaints.close()
    if samples == 0:
        raise MediaError(f"sound could not be decoded: {words[-1] if words else 'the track is empty'}")
    if words or process.returncode:
        said = f"{len(words)} complaints, the last: {words[-1]}" if words else f"ffmpeg ended with {process.returncode}"
        faults.append(f"the sound is damaged ({said})")
