"""Writing a video with sound: H.264 and AAC in MP4, every picture at its own time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flowgrad.media.film import Shown, Voice

CLOCK = Fraction(1, 90_000)
"""Unit of the time stamps, s: 24, 25 and 29.97 pictures a second are whole numbers of it."""
QUALITY = {"crf": "18", "preset": "veryfast"}
"""Of x264: losses that are hardly seen, in a time that is less than that of drawing."""
BIT_RATE = 192_000
"""Of the sound, bits a second."""
UNSPECIFIED, BT709, BT601 = 2, 1, (5, 6)
"""Colour matrices as H.264 numbers them."""


class FilmWriter:
    """Writes pictures and sound, each in order; what goes together should be given together."""

    def __init__(self, container: Any, rate: Fraction, form: Voice | None, quality: Mapping[str, str], bit_rate: int):
        self._container, self._quality = container, quality
        self._rate, self._form = rate, form
        self._video: Any = None
        self._matrix = UNSPECIFIED
        self._audio: Any = None
        self._samples = 0
        if form is not None:
            self._audio = container.add_stream("aac", rate=form.rate, layout=form.layout)
            self._audio.bit_rate = bit_rate // (2 // form.channels)

    @property
    def heard(self) -> float:
        """Return how much sound is written, seconds."""
        return self._samples / self._form.rate if self._form else 0.0

    def show(self, picture: npt.NDArray[np.uint8], shown: Shown) -> None:
        """Write a picture, (H, W, 3) uint8 RGB, for the time that a picture of the source is shown.

        An odd row or column is doubled, as H.264 wants even sizes. The colour matrix is the source's, so that
        a player makes the same colours.
        """
        import av

        height, width = picture.shape[:2]
        if height % 2:
            picture = np.concatenate([picture, picture[-1:]])
        if width % 2:
            picture = np.concatenate([picture, picture[:, -1:]], axis=1)
        if self._video is None:
            self._begin(picture.shape[1], picture.shape[0], shown.frame)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        matrix = BT709 if self._matrix == BT709 else BT601[0]
        frame = frame.reformat(format="yuv420p", dst_colorspace=matrix, interpolation="BICUBIC")
        frame.pts, frame.time_base = round(shown.at / CLOCK), CLOCK
        frame.duration = max(1, round((shown.at + shown.length) / CLOCK) - frame.pts)
        self._write(self._video.encode(frame))

    def hear(self, samples: npt.NDArray[np.float32]) -> None:
        """Write (channels, S) float32 samples after those before."""
        import av

        assert self._form is not None
        if not samples.shape[1]:
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=self._form.layout)
        frame.sample_rate, frame.time_base = self._form.rate, Fraction(1, self._form.rate)
        frame.pts = self._samples
        self._samples += samples.shape[1]
        self._write(self._audio.encode(frame))

    def close(self) -> None:
        """Write what the encoders hold back."""
        for stream in (self._video, self._audio):
            if stream is not None:
                self._write(stream.encode(None))

    def _begin(self, width: int, height: int, source: Any) -> None:
        self._video = self._container.add_stream("libx264", rate=self._rate)
        context = self._video.codec_context
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.options, context.time_base = dict(self._quality), CLOCK
        self._matrix = source.colorspace if source.colorspace in (BT709, *BT601) else UNSPECIFIED
        context.colorspace = self._matrix

    def _write(self, packets: Any) -> None:
        for packet in packets:
            self._container.mux(packet)


@contextlib.contextmanager
def written(
    path: Path,
    rate: Fraction,
    form: Voice | None,
    quality: Mapping[str, str] = QUALITY,
    bit_rate: int = BIT_RATE,
) -> Iterator[FilmWriter]:
    """Give a writer of an MP4 file.

    Args:
        path: the file.
        rate: pictures a second, as players show it; the time stamps of the pictures count.
        form: of the sound, None for none.
        quality: options of x264.
        bit_rate: of stereo sound, bits a second; mono gets half.
    """
    import av

    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        writer = FilmWriter(container, rate, form, quality, bit_rate)
        yield writer
        writer.close()


def write_together(
    writer: FilmWriter,
    pictures: Iterable[tuple[npt.NDArray[np.uint8], Shown]],
    sound: Iterator[npt.NDArray[np.float32]],
) -> None:
    """Write pictures and sound as they come, so that both tracks grow together; what is ahead waits in memory.

    Args:
        writer: of a file.
        pictures: (H, W, 3) uint8 RGB, and what each shows of the source.
        sound: blocks (channels, S) float32; none where the file has no sound.
    """
    block = next(sound, None)
    for picture, shown in pictures:
        writer.show(picture, shown)
        while block is not None and writer.heard <= float(shown.at + shown.length):
            writer.hear(block)
            block = next(sound, None)
    while block is not None:
        writer.hear(block)
        block = next(sound, None)
