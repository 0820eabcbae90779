"""The sound of a recording: mono, at any rates, every sample at its time.

Each decoded frame is put where its own timestamp says: silence fills what is missing before it, what overlaps is left
out. So holes, a late start and a rate that changes in mid-file leave sound in step with the pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from flowgrad.errors import MediaError
from flowgrad.media.container import open_media, packets
from flowgrad.media.recording import Recording, Track, stamped

STEP_S = 0.01
"""Sound may lie this far from its timestamp: containers round, and to cut for every rounding would be heard."""
BLOCK = 1 << 15
"""Samples a channel that are resampled at once."""
MOST_PLANES = 6
"""Planar sound of more channels is packed before it is looked at."""
SLOWEST = 1000
"""A lower sample rate, Hz, is a damaged header, and would make hours of seconds."""

Samples = npt.NDArray[np.float32]


@dataclass
class SoundReport:
    """What decoding the sound met: filled in while :func:`sound` runs.

    Attributes:
        seconds: how much sound there is, from t = 0 on; None where there is none.
        peak: its largest sample; 0 is digital silence.
        damaged_packets: packets that could not be decoded, those before the first sample excepted.
        faults: what is wrong with it, one sentence each.
        notes: what is odd about it and right all the same.
    """

    seconds: float | None = None
    peak: float = 0.0
    damaged_packets: int = 0
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def with_sound(recording: Recording) -> Track:
    """Return the audio track of a recording; raises ``MediaError`` where there is none."""
    if recording.sound is None:
        raise MediaError("no sound track")
    return recording.sound


def sound(
    recording: Recording, rates: Sequence[int], report: SoundReport | None = None
) -> Iterator[dict[int, Samples]]:
    """Yield the sound as mono blocks, (S,) float32 by sample rate, from t = 0; sample n is at n / rate s.

    The channels are averaged. Memory does not grow with length.

    Args:
        recording: the file.
        rates: the sample rates that are wanted, Hz.
        report: what is met on the way.

    Raises:
        MediaError: there is no sound track, or nothing of it can be decoded.
    """
    report = report or SoundReport()
    track = with_sound(recording)
    placed = _Placed(rates)
    with open_media(recording.path) as container:
        stream = container.streams[track.index]
        for frame in decoded(track, container, stream, report):
            at = None if frame.pts is None else float(frame.pts * stream.time_base - recording.zero)
            yield from placed.add(_samples(frame), int(frame.sample_rate), at)
        yield from placed.rest()
    if placed.written == 0:
        raise MediaError("sound could not be decoded: " + (report.faults[0] if report.faults else "the track is empty"))
    if report.damaged_packets:
        report.faults.append(f"the sound is damaged: packets that cannot be decoded: {report.damaged_packets}")
    if placed.changes:
        report.notes.append(f"the sound's rate or channels change on the way: {placed.changes}")
    report.seconds, report.peak = placed.made[rates[0]] / rates[0], placed.peak
    if placed.peak == 0:
        report.notes.append("the sound is digital silence")


def decoded(track: Track, container: Any, stream: Any, report: SoundReport) -> Iterator[Any]:
    """Yield decoded frames of a sound track; a damaged packet is counted and does not end it."""
    import av

    heard = False
    for packet in stamped(track, stream, packets(container, [stream], report.faults)):
        try:
            for frame in packet.decode():
                heard = True
                yield frame
        except (av.error.FFmpegError, ValueError):
            # a capture that begins within a packet is whole from the next one on
            report.damaged_packets += heard
    try:
        yield from stream.decode(None)
    except (av.error.FFmpegError, ValueError):
        report.damaged_packets += heard


def _samples(frame: Any) -> Samples:
    """Return a decoded frame as (S, C) float32 in -1..1, C one or two: more channels are averaged."""
    import av

    channels = int(frame.layout.nb_channels)
    # PyAV cannot hand out the planes of many channels
    if frame.format.is_planar and channels > MOST_PLANES:
        packed = av.AudioResampler(format="flt", layout=frame.layout, rate=frame.sample_rate)
        frame.pts = None
        parts = [part.to_ndarray().reshape(-1, channels) for part in packed.resample(frame)]
        raw = np.concatenate([np.empty((0, channels), np.float32), *parts])
    else:
        raw = frame.to_ndarray()
        raw = raw.T if frame.format.is_planar else raw.reshape(-1, channels)
    if raw.dtype.kind == "u":
        raw = (raw.astype(np.float32) - 128) / 128
    elif raw.dtype.kind == "i":
        raw = raw / np.float64(2 ** (8 * raw.dtype.itemsize - 1))
    samples = np.nan_to_num(np.asarray(raw, np.float32), nan=0.0, posinf=1.0, neginf=-1.0)
    # mono and stereo are averaged when they are resampled, as they always were, to the last bit
    return samples if channels <= 2 else samples.mean(axis=1, keepdims=True, dtype=np.float32)


class _Placed:
    """Puts decoded sound at its times and resamples it."""

    def __init__(self, rates: Sequence[int]):
        self._rates = tuple(rates)
        self.written = 0
        self.changes = 0
        self.made = dict.fromkeys(self._rates, 0)
        self.peak = 0.0
        self._form: tuple[int, int] | None = None
        self._layout = ""
        self._resamplers: dict[int, Any] = {}
        self._end = 0.0
        self._waiting: list[Samples] = []
        self._held = 0

    def add(self, samples: Samples, rate: int, at: float | None) -> Iterator[dict[int, Samples]]:
        """Take a frame of (S, C) samples that begins ``at`` s, or where the one before ends."""
        if rate < SLOWEST:
            raise MediaError(f"sound could not be decoded: a sample rate of {rate} Hz")
        if self._form != (rate, samples.shape[1]):
            yield from self._restart((rate, samples.shape[1]))
        late = 0.0 if at is None else at - self._end
        if late > STEP_S:
            yield from self._silence(round(late * rate))
        elif late < -STEP_S:
            samples = samples[round(-late * rate) :]
        yield from self._take(samples)

    def rest(self) -> Iterator[dict[int, Samples]]:
        """Return what is held back."""
        if self._form is not None:
            yield from self._restart(None)

    def _silence(self, count: int) -> Iterator[dict[int, Samples]]:
        assert self._form is not None
        while count > 0:
            part = min(count, BLOCK)
            yield from self._take(np.zeros((part, self._form[1]), np.float32))
            count -= part

    def _take(self, samples: Samples) -> Iterator[dict[int, Samples]]:
        assert self._form is not None
        self._waiting.append(samples)
        self._held += len(samples)
        self._end += len(samples) / self._form[0]
        if self._held >= BLOCK:
            yield self._resampled()

    def _restart(self, form: tuple[int, int] | None) -> Iterator[dict[int, Samples]]:
        """Go on with another rate or number of channels, from the sample on that is due."""
        import av

        if self._form is not None:
            yield self._resampled()
            yield {rate: self._counted(rate, resampler.resample(None)) for rate, resampler in self._resamplers.items()}
            self.changes += form is not None
            due = {rate: round(self._end * rate) - made for rate, made in self.made.items()}
            if form is not None and any(count > 0 for count in due.values()):
                yield {rate: self._grown(rate, np.zeros(max(count, 0), np.float32)) for rate, count in due.items()}
        self._form = form
        if form is not None:
            self._layout = "mono" if form[1] == 1 else "stereo"
            self._resamplers = {
                rate: av.AudioResampler(format="flt", layout=self._layout, rate=rate) for rate in self._rates
            }

    def _resampled(self) -> dict[int, Samples]:
        import av

        assert self._form is not None
        if not self._held:
            return {rate: np.empty(0, np.float32) for rate in self._rates}
        block = np.ascontiguousarray(np.concatenate(self._waiting))
        self._waiting, self._held = [], 0
        made = {}
        for rate, resampler in self._resamplers.items():
            frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="flt", layout=self._layout)
            frame.sample_rate = self._form[0]
            made[rate] = self._counted(rate, resampler.resample(frame))
        return made

    def _counted(self, rate: int, frames: Sequence[Any]) -> Samples:
        assert self._form is not None
        parts = [frame.to_ndarray().reshape(-1, self._form[1]) for frame in frames]
        block = np.concatenate([np.empty((0, self._form[1]), np.float32), *parts])
        return self._grown(rate, block.mean(axis=1, dtype=np.float32))

    def _grown(self, rate: int, block: Samples) -> Samples:
        self.made[rate] += len(block)
        self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
        self.written += len(block)
        return block
