"""The film of a clip on the page: small, 8 pictures a second, with the sound that the pipeline hears, and its loudness.

Frame k of the film is frame k of the pipeline. A still is shown as long as its sound lasts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from flowgrad import media
from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.errors import MediaError
from flowgrad.media.film import Shown, Voice
from flowgrad.media.writing import write_together, written
from flowgrad.shard import PlannedClip

SIDE = 480
"""The longer side, pixels; nothing is enlarged."""
QUALITY = {"crf": "27", "preset": "veryfast", "g": str(FRAMES_PER_SECOND), "bf": "0"}
"""Of x264: a key frame each second, so that any frame is found at once."""
VOICE = Voice(32000, "mono")
BIT_RATE = 96_000
"""Of the sound, bits a second; mono gets half."""
STEP = VOICE.rate // FRAMES_PER_SECOND
QUIETEST_DB = -90.0


@dataclass(frozen=True)
class Film:
    """What a film shows.

    Attributes:
        frames: how many there are.
        loudness: of each 1/8 s, dB of full scale, at least -90; None where there is no sound.
        silent: why there is no sound; empty where there is one.
    """

    frames: int
    loudness: list[float] | None
    silent: str = ""


def write_film(clip: PlannedClip, root: Path, out: Path) -> Film:
    """Write the film of a clip as MP4; one picture is held at a time.

    Raises ``MediaError`` where it has no picture.
    """
    levels: list[float] = []
    silent, heard = "", iter(())  # type: tuple[str, Iterator[media.Samples]]
    try:
        blocks = _metered(_sound(clip, root), levels)
        heard = chain([next(blocks)], blocks)
    except (MediaError, StopIteration) as error:
        silent = str(error) or "the sound is empty"
    if clip.still:
        # the whole sound is measured first: it says how long the picture stands
        held = list(heard)
        shown, heard = _standing(media.still(root / clip.video), max(1, len(levels))), iter(held)
    else:
        shown = media.pictures(media.inspect(root / clip.video))
    count = 0

    def pictures() -> Iterator[tuple[npt.NDArray[np.uint8], Shown]]:
        nonlocal count
        before, small = None, np.empty((0, 0, 3), np.uint8)
        for picture in shown:
            if picture.frame is not before:
                before, small = picture.frame, _small(picture.rgb())
            at = Fraction(picture.number, FRAMES_PER_SECOND)
            yield small, Shown(picture.frame, at, Fraction(1, FRAMES_PER_SECOND))
            count += 1

    rate = Fraction(FRAMES_PER_SECOND)
    with written(out, rate, None if silent else VOICE, QUALITY, BIT_RATE) as writer:
        write_together(writer, pictures(), (np.clip(block, -1, 1)[None] for block in heard))
    return Film(count, None if silent else [round(level, 1) for level in levels], silent)


def _sound(clip: PlannedClip, root: Path) -> Iterator[media.Samples]:
    """Yield the sound of a clip, (S,) float32; raises ``MediaError`` where there is none."""
    if clip.still and not clip.sound:
        raise MediaError("there is no sound file")
    rate = VOICE.rate
    blocks: Iterable[dict[int, media.Samples]] = media.sound(media.inspect(root / (clip.sound or clip.video)), [rate])
    if clip.mixed:
        other = media.sound(media.inspect(root / clip.mixed), [rate])
        first, second = media.whole(blocks, [rate]), media.whole(other, [rate])
        blocks = [{rate: media.mixture(first[rate], second[rate])}]
    for block in blocks:
        yield block[rate]


def _metered(blocks: Iterable[media.Samples], levels: list[float]) -> Iterator[media.Samples]:
    """Yield blocks of sound as they come, and add the loudness of each whole 1/8 s to ``levels``."""
    rest = np.empty(0, np.float32)
    for block in blocks:
        rest = np.concatenate([rest, block])
        whole = len(rest) // STEP * STEP
        power = np.square(rest[:whole], dtype=np.float64).reshape(-1, STEP).mean(axis=1)
        levels += (10 * np.log10(np.maximum(power, 10 ** (QUIETEST_DB / 10)))).tolist()
        rest = rest[whole:]
        yield block


def _standing(picture: media.Picture, count: int) -> Iterator[media.Picture]:
    for number in range(count):
        yield media.Picture(number, 0.0, picture.frame)


def _small(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    share = min(1.0, SIDE / max(width, height))
    size = max(2, round(width * share)), max(2, round(height * share))
    return rgb if share == 1 else np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
