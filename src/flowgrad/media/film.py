"""A recording as it is shown and heard: every picture when it comes on display, and the sound in its own channels.

The pipeline itself looks at 8 pictures a second and hears one channel; this is for writing a recording anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from flowgrad.media.audio import STEP_S, SoundReport, with_sound
from flowgrad.media.audio import decoded as decoded_sound
from flowgrad.media.container import open_media, prepare
from flowgrad.media.orientation import orientation_of
from flowgrad.media.recording import Recording, with_pictures
from flowgrad.media.video import DecodeReport, Pending, decoded, in_order, last_length, of_one_size

RATES = (48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
"""Sample rates that AAC has, Hz; sound of another rate gets the first."""

USUAL_RATE = 25
"""Pictures a second, as a nominal rate where a container says none; the time stamps count."""


@dataclass
class Shown:
    """A picture of a recording: the decoded frame, when it comes on display, and for how long; seconds."""

    frame: Any
    at: Fraction
    length: Fraction

    def rgb(self) -> npt.NDArray[np.uint8]:
        """Return the upright picture, (H, W, 3) uint8 RGB."""
        rgb = self.frame.to_ndarray(format="rgb24", interpolation="BICUBIC")
        return orientation_of(self.frame).applied(rgb)


def film(recording: Recording, report: DecodeReport | None = None) -> Iterator[Shown]:
    """Yield every picture of a recording, in order; one is held at a time.

    Raises ``MediaError`` where there is no video track.
    """
    report = report or DecodeReport()
    track = with_pictures(recording)
    with open_media(recording.path) as container:
        stream = container.streams[track.index]
        prepare(stream, "AUTO")
        held: tuple[Any, Fraction] | None = None
        length = Fraction(0)
        frames = decoded(recording, container, stream, report)
        for frame, at in in_order(of_one_size(frames, report), recording, report):
            if held is not None:
                length = at - held[1]
                yield Shown(*held, length)
            if frame.duration:
                length = frame.duration * stream.time_base
            held = frame, at
        if held is not None:
            yield Shown(*held, last_length(recording, Pending(*held, length), stream))


def picture_rate(recording: Recording) -> Fraction:
    """Return how many pictures a second a recording has on average, as its container says."""
    track = with_pictures(recording)
    with open_media(recording.path) as container:
        stream = container.streams[track.index]
        return Fraction(stream.average_rate or stream.guessed_rate or USUAL_RATE)


@dataclass(frozen=True)
class Voice:
    """The form of a sound: its sample rate, Hz, and FFmpeg's name of its channels: ``mono`` or ``stereo``."""

    rate: int
    layout: str

    @property
    def channels(self) -> int:
        """Return how many channels there are."""
        return 1 if self.layout == "mono" else 2


def voice(recording: Recording) -> Voice:
    """Return the form in which :func:`spoken` gives the sound of a recording; raises ``MediaError`` without one."""
    track = with_sound(recording)
    with open_media(recording.path) as container:
        channels = int(container.streams[track.index].codec_context.channels)
    return Voice(track.sample_rate if track.sample_rate in RATES else RATES[0], "mono" if channels == 1 else "stereo")


def spoken(recording: Recording, form: Voice) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the sound of a recording in blocks from t = 0 on, (channels, S) float32 in -1..1.

    Each decoded frame is put where its time stamp says, as in :func:`flowgrad.media.sound`: silence fills what is
    missing before it, what overlaps is left out. More than two channels are mixed down to stereo.
    """
    import av

    track = with_sound(recording)
    end, known, resampler = 0.0, None, None
    with open_media(recording.path) as container:
        stream = container.streams[track.index]
        for frame in decoded_sound(track, container, stream, SoundReport()):
            at = end if frame.pts is None else float(frame.pts * stream.time_base - recording.zero)
            kind = frame.sample_rate, frame.layout.name, frame.format.name
            if kind != known:
                yield from _flushed(resampler)
                resampler = av.AudioResampler(format="fltp", layout=form.layout, rate=form.rate)
                known = kind
            assert resampler is not None
            seconds, late = frame.samples / frame.sample_rate, at - end
            cut = 0
            if late > STEP_S:
                yield from _silence(round(late * form.rate), form)
                end = at
            elif late < -STEP_S:
                cut = round(min(-late, seconds) * form.rate)
            frame.pts = None
            for part in resampler.resample(frame):
                yield np.asarray(part.to_ndarray()[:, cut:], np.float32)
                cut = max(0, cut - part.samples)
            end += seconds + (max(late, -seconds) if late < -STEP_S else 0)
        yield from _flushed(resampler)


def _flushed(resampler: Any) -> Iterator[npt.NDArray[np.float32]]:
    if resampler is not None:
        for part in resampler.resample(None):
            yield np.asarray(part.to_ndarray(), np.float32)


def _silence(count: int, form: Voice) -> Iterator[npt.NDArray[np.float32]]:
    while count > 0:
        part = min(count, form.rate)
        yield np.zeros((form.channels, part), np.float32)
        count -= part
