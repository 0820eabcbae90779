"""Maps over a moving picture: the map at any time, and a canvas with a panel for every row."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowgrad.artifacts import ArtifactReader
from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.errors import MediaError
from flowgrad.figures.overlay import captioned, overlay
from flowgrad.media import Recording, inspect
from flowgrad.media.film import Shown, film, picture_rate, spoken, voice
from flowgrad.media.writing import write_together, written
from flowgrad.shard import PlannedClip

ACROSS = 3
"""So many panels stand in one line; more are laid out in as many lines as columns."""
BLOCK = 64
"""Maps that are read at once."""
APART_S = 0.5
"""Between maps that are farther apart nothing is made up: half a second, as far as annotated frames are."""
HOLD_S = 0.25
"""So long a map stands before the first one, after the last one, and at a hole."""
STRONG = 90
"""The percentile, among the ranges of a clip's maps, of one in full colours."""
DRAWERS = 2
"""Pictures that are drawn at once."""
WIDEST = 1920
"""A canvas of several panels is no wider, unless the video itself is."""


class MapTrack:
    """The maps of a clip at any time, linear between frames; read in blocks, so memory does not grow with length."""

    def __init__(self, reader: ArtifactReader, clip: str):
        self._reader, self._clip = reader, clip
        found = clip in reader and reader.length(clip)
        self._times = reader.read(clip, "time_s").astype(np.float64) if found else np.empty(0)
        self._start, self._block = 0, np.empty((0, 0, 0), np.float32)
        self._reading = threading.Lock()
        spans = [
            np.ptp(reader.read(clip, "maps", slice(row, row + BLOCK)).astype(np.float32), axis=(1, 2))
            for row in range(0, len(self._times), BLOCK)
        ]
        self._usual = float(np.percentile(np.concatenate(spans), STRONG)) if spans else 0.0

    def strength(self, found: npt.NDArray[np.float32]) -> float:
        """Return how much a map stands out next to the clip's strongest ones, from 0 to 1.

        Scaled to its own range, a map of an empty street shows noise in full colours.
        """
        return min(1.0, float(np.ptp(found)) / self._usual) if self._usual > 0 else 0.0

    def __len__(self) -> int:
        return len(self._times)

    def at(self, seconds: float) -> npt.NDArray[np.float32] | None:
        """Return the map at a time, (S, S) float32; None where there is none."""
        after = int(np.searchsorted(self._times, seconds, side="right"))
        before = after - 1
        if before >= 0 and after < len(self) and self._times[after] - self._times[before] <= APART_S:
            share = (seconds - self._times[before]) / (self._times[after] - self._times[before])
            one = self._map(before)
            return one if share == 0 else np.asarray((1 - share) * one + share * self._map(after), np.float32)
        near = [row for row in (before, after) if 0 <= row < len(self)]
        near = [row for row in near if abs(self._times[row] - seconds) <= HOLD_S + 0.5 / FRAMES_PER_SECOND]
        return self._map(min(near, key=lambda row: abs(self._times[row] - seconds))) if near else None

    def _map(self, row: int) -> npt.NDArray[np.float32]:
        # several pictures are drawn at once
        with self._reading:
            if not self._start <= row < self._start + len(self._block):
                self._start = row
                rows = slice(row, row + BLOCK)
                self._block = self._reader.read(self._clip, "maps", rows).astype(np.float32)
            block: npt.NDArray[np.float32] = self._block[row - self._start]
            return block


Counted = Callable[[npt.NDArray[Any]], npt.NDArray[np.bool_]]
Drawn = Callable[[npt.NDArray[np.uint8], float], npt.NDArray[np.uint8]]
"""A picture of the video with something on it, at its size, from the picture and its time in s."""


@dataclass(frozen=True)
class Panel:
    """A row's maps over the video, and what counts in them.

    Attributes:
        name: of the row.
        maps: its maps; None for a row that gives boxes.
        counted: (N, H, W) maps to what counts in them.
        normalised: whether it is asked of normalised maps.
    """

    name: str
    maps: MapTrack | None
    counted: Counted
    normalised: bool = True

    def drawn(self, picture: npt.NDArray[np.uint8], seconds: float) -> npt.NDArray[np.uint8]:
        """Return a picture, (H, W, 3) uint8 RGB, with the map at a time over it."""
        found = self.maps.at(seconds) if self.maps is not None else None
        if found is None or self.maps is None:
            return picture
        laid, strength = overlay(picture, found, self.counted, self.normalised), self.maps.strength(found)
        return (
            laid if strength == 1 else np.asarray(cv2.addWeighted(laid, strength, picture, 1 - strength, 0), np.uint8)
        )


def canvas(picture: npt.NDArray[np.uint8], seconds: float, panels: Sequence[Panel], boxed: Drawn) -> Any:
    """Return what is shown at a time, (H, W, 3) uint8 RGB.

    One panel has the size of the video. Several stand side by side, at most three in a line or as many as there are
    lines, each with its name under it, and smaller where they would be wider than the video and than 1920 pixels
    together.

    Args:
        picture: (H, W, 3) uint8 RGB, upright.
        seconds: its time.
        panels: a panel a row.
        boxed: draws the boxes of a time.
    """
    if len(panels) == 1:
        return boxed(panels[0].drawn(picture, seconds), seconds)
    height, width = picture.shape[:2]
    across = len(panels) if len(panels) <= ACROSS else math.ceil(math.sqrt(len(panels)))
    shrunk = min(1.0, max(WIDEST, width) / (across * width))
    size = max(1, math.floor(width * shrunk)), max(1, math.floor(height * shrunk))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    drawn = [captioned(boxed(panel.drawn(small, seconds), seconds), panel.name) for panel in panels]
    drawn += [np.full_like(drawn[0], 24)] * (-len(drawn) % across)
    lines = [np.concatenate(drawn[start : start + across], axis=1) for start in range(0, len(drawn), across)]
    return np.concatenate(lines)


def heard_of(clip: PlannedClip, root: Path, video: Recording, say: Callable[[str], None]) -> Recording:
    """Return what a clip is heard in: its own sound file where it has one, as in the run, else its video.

    Args:
        clip: as it was planned.
        root: the dataset's folder.
        video: of the clip.
        say: is told why there is no sound where its file cannot be read.
    """
    if clip.sound is None:
        return video
    try:
        return inspect(root / clip.sound)
    except MediaError as error:
        say(f"no sound: {clip.sound}: {error}")
        return replace(video, sound=None)


def write_film(
    recording: Recording,
    panels: Sequence[Panel],
    boxed: Drawn,
    out: Path,
    progress: Callable[[float], None],
    heard_in: Recording | None = None,
) -> bool:
    """Write a recording with maps over it; return whether it has sound.

    Every picture keeps its time, and the sound starts with the first one. A few pictures are held at a time: they are
    drawn side by side, while those before are encoded.

    Args:
        recording: the video.
        panels: a panel a row.
        boxed: draws the boxes of a time.
        out: MP4 file; written in place, so give a temporary one.
        progress: is told the time of each picture, s.
        heard_in: whose sound it gets; None for that of the video.
    """
    heard_in = heard_in or recording
    form, first = None, None
    heard: Iterator[npt.NDArray[np.float32]] = iter(())
    if heard_in.sound is not None:
        form = voice(heard_in)
        heard = spoken(heard_in, form)
        first = next(heard, None)

    def drawn() -> Iterator[tuple[npt.NDArray[np.uint8], Shown]]:
        for shown, picture in _ahead(film(recording), lambda one: canvas(one.rgb(), float(one.at), panels, boxed)):
            yield picture, shown
            progress(float(shown.at))

    sounds = first is not None
    with written(out, picture_rate(recording), form if sounds else None) as writer:
        write_together(writer, drawn(), chain([first], heard) if first is not None else iter(()))
    return sounds


def _ahead(shown: Iterable[Shown], draw: Callable[[Shown], Any]) -> Iterator[tuple[Shown, Any]]:
    """Yield each picture with what is drawn of it, in order; the next few are being drawn meanwhile."""
    with ThreadPoolExecutor(DRAWERS) as pool:
        waiting: deque[tuple[Shown, Future[Any]]] = deque()
        for one in shown:
            waiting.append((one, pool.submit(draw, one)))
            if len(waiting) > DRAWERS:
                first, drawn = waiting.popleft()
                yield first, drawn.result()
        for first, drawn in waiting:
            yield first, drawn.result()
