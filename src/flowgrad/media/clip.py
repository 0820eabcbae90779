"""One media file as the pipeline sees it: ``flowgrad.read_clip``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt

from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.errors import MediaError
from flowgrad.media.audio import SoundReport, sound
from flowgrad.media.reasons import reasons
from flowgrad.media.recording import Recording, inspect
from flowgrad.media.video import DecodeReport, Picture, pictures

Frame = npt.NDArray[np.uint8]


class Frames(Sequence[Frame]):
    """The frames of a clip, 8 a second, each (H, W, 3) uint8 RGB: decoded as they are asked for, none is kept.

    To walk through them, or to ask for later ones, decodes on from where it stands; an earlier one starts anew.
    """

    def __init__(self, recording: Recording, count: int, size: tuple[int, int]):
        self._recording, self._count, self._size = recording, count, size
        self._walk: Iterator[Picture] = iter(())
        self._at: Picture | None = None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Return (T, H, W, 3)."""
        return self._count, self._size[1], self._size[0], 3

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame."""
        for picture in pictures(self._recording):
            yield picture.rgb()

    @overload  # type: ignore[override]
    def __getitem__(self, place: int) -> Frame: ...

    @overload
    def __getitem__(self, place: slice) -> Frame: ...

    def __getitem__(self, place: int | slice) -> Frame:
        """Return frame ``place``, or those of a slice as (N, H, W, 3)."""
        if isinstance(place, slice):
            rows = [self[number] for number in range(*place.indices(self._count))]
            return np.stack(rows) if rows else np.empty((0, *self.shape[1:]), np.uint8)
        number = place + self._count if place < 0 else place
        if not 0 <= number < self._count:
            raise IndexError(f"frame {place}: the clip has {self._count}")
        if self._at is None or self._at.number > number:
            self._walk, self._at = pictures(self._recording), None
        while self._at is None or self._at.number < number:
            self._at = next(self._walk)
        frame: Frame = self._at.rgb()
        return frame


@dataclass(frozen=True)
class ClipContent:
    """What the pipeline sees of a media file; made by :func:`read_clip`.

    Attributes:
        frames: (T, H, W, 3) uint8 RGB, upright, at native size; a sequence that decodes as it is walked.
        time_s: (T,) float64, seconds: frame k is what is on display at k / 8 s.
        audio: (S,) float32 in -1..1, mono; sample n is at n / ``sample_rate`` s. Empty where there is no sound.
        sample_rate: Hz.
        problems: what ``clips.csv`` would say of it, a sentence each.
    """

    frames: Frames
    time_s: npt.NDArray[np.float64]
    audio: npt.NDArray[np.float32]
    sample_rate: int
    problems: list[str]


def read_clip(path: str | Path, sample_rate: int = 16000) -> ClipContent:
    """Return what the pipeline sees of a media file.

    The pictures are decoded once to count them, and again when they are asked for; the sound is kept in memory.

    Args:
        path: a video with or without sound.
        sample_rate: of the sound, Hz.

    Raises:
        MediaError: the file is absent, no readable media, or has no picture.
        ValueError: a sample rate that is no positive whole number.
    """
    if not isinstance(sample_rate, int) or sample_rate < 1:
        raise ValueError(f"sample_rate: expected a positive whole number of Hz, got {sample_rate!r}")
    try:
        recording = inspect(Path(path))
    except MediaError as error:
        raise MediaError(f"{path}: {error}") from error
    seen, size = DecodeReport(), (0, 0)
    for picture in pictures(recording, seen):
        size = size if picture.number else picture.size
    heard, absent = SoundReport(), list[str]()
    blocks: list[npt.NDArray[np.float32]] = []
    try:
        blocks += [made[sample_rate] for made in sound(recording, [sample_rate], heard)]
    except MediaError as error:
        blocks, heard, absent = [], SoundReport(), [str(error)]
    return ClipContent(
        Frames(recording, seen.frames, size),
        np.arange(seen.frames) / FRAMES_PER_SECOND,
        np.concatenate([np.empty(0, np.float32), *blocks]),
        sample_rate,
        [reason.words for reason in reasons(recording, seen, heard)] + absent,
    )
