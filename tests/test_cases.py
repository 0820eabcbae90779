"""Real files of the kinds that came out wrong: each has a white flash and a click, and a right value that is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from conftest import sound_of

import flowgrad
from flowgrad import media

RATE = 16000
PICTURE_S, SOUND_S = 0.13, 0.05
"""How far a flash and a click may lie from the right time."""


@dataclass(frozen=True)
class Case:
    """What is right about a file; words are parts of its reasons."""

    frames: int
    flashes: tuple[float, ...] = ()
    clicks: tuple[float, ...] = ()
    words: tuple[str, ...] = ()
    faults: tuple[str, ...] = field(default=())


CASES = {
    "a3_late_audio.ts": Case(64, (2.0, 6.0), (3.5, 7.5)),
    "a12_late.wmv": Case(64, (2.0, 6.0), (3.5, 7.5)),
    "a14_smallgaps.mkv": Case(64, (2.0, 6.0), (2.0, 6.0)),
    "b1_concat_reset.ts": Case(71, (2.02, 6.98), (2.02, 6.98), ("the clock starts again at 4.01 s",)),
    "b2_concat_jump.ts": Case(72, (2.02, 6.98), (2.02, 6.98), ("the clock jumps by 3594.96 s at 4.01 s",)),
    "b5_samsung_firstframe.mp4": Case(2464, (302.0, 306.0), (2.0, 6.0), ("one picture stands for 300.0 s",)),
    "d1_midgop.ts": Case(58, (5.19,), (1.12, 5.12), ("the first picture comes at 1.13 s",)),
    "d2_soundchange_441.ts": Case(64, (2.02, 5.94), (2.02, 5.94), ("rate or channels change",)),
    "d4_two_tracks.mp4": Case(64, (2.0, 6.0), (2.0, 6.0), ("2 video tracks: number 1 is taken, the default one",)),
    "s01_ambi.mkv": Case(24, (2.0,)),
    "v01e_udta_front.mp4": Case(64, (2.0, 6.0), (2.0, 6.0)),
    "v05_one.mp4": Case(1, words=("one picture only", "no sound track")),
    "v07b_hflip.mov": Case(17, (2.0,), (2.0,)),
    "v11b_h264_bframes.avi": Case(16, words=("no sound track",)),
    "clock_bomb.wmv": Case(65, (2.0, 6.0), (3.5, 7.5), ("that fit nowhere: 1",), ("damaged",)),
}


def flashes(path: Path) -> list[float]:
    """When the picture turns white, seconds."""
    found, before = [], True
    for picture in media.pictures(media.inspect(path)):
        white = bool(picture.rgb().mean() > 180)
        if white and not before:
            found.append(picture.source_time)
        before = white
    return found


def clicks(path: Path) -> list[float]:
    """When the sound clicks, seconds: the loudest moments, half a second apart."""
    loud = np.flatnonzero(np.abs(sound := sound_of(path)) > 0.5 * np.abs(sound).max())
    first = np.concatenate([[True], np.diff(loud) > RATE / 2])
    return (loud[first] / RATE).tolist()


@pytest.mark.parametrize("name", CASES)
def test_the_right_frames_sound_and_words(reference, name):
    case, path = CASES[name], reference / "cases" / name
    clip = flowgrad.read_clip(path)
    assert abs(len(clip.frames) - case.frames) <= 1
    assert len(clip.time_s) == len(clip.frames)
    assert clip.time_s[-1] == pytest.approx((len(clip.frames) - 1) / 8)
    if case.flashes:
        assert flashes(path) == pytest.approx(case.flashes, abs=PICTURE_S)
    if case.clicks:
        assert clicks(path) == pytest.approx(case.clicks, abs=SOUND_S)
    told = "; ".join(clip.problems)
    for words in (*case.words, *case.faults):
        assert words in told
    assert bool(clip.problems) == bool(case.words or case.faults), told
    seen, heard = media.DecodeReport(), media.SoundReport()
    recording = media.inspect(path)
    for _ in media.pictures(recording, seen):
        pass
    if recording.sound:
        for _ in media.sound(recording, [RATE], heard):
            pass
    faults = [reason.words for reason in media.reasons(recording, seen, heard) if reason.fault]
    assert bool(faults) == bool(case.faults), faults


def test_every_file_has_a_case(reference):
    """A file that comes to the folder is not forgotten here."""
    found = {path.name for path in (reference / "cases").iterdir() if path.is_file() and path.suffix != ".md"}
    assert found == set(CASES)


def test_many_channels_become_mono(reference):
    """Ambisonic sound is heard, and its mean over four channels is no silence."""
    sound = flowgrad.read_clip(reference / "cases/s01_ambi.mkv").audio
    assert len(sound) == pytest.approx(3.0 * RATE, abs=0.05 * RATE)
    assert np.abs(sound).max() > 1e-3


def test_pictures_without_presentation_times_come_in_display_order(reference):
    """AVI stamps pictures as they are decoded: those that are shown are source pictures 0, 3, 6, ... of 24 a second."""
    path = reference / "cases/v11b_h264_bframes.avi"
    with media.open_media(path) as container:
        in_display_order = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    shown = [picture.rgb() for picture in media.pictures(media.inspect(path))]
    for number, picture in enumerate(shown):
        nearest = [np.abs(picture.astype(int) - other).mean() for other in in_display_order]
        assert int(np.argmin(nearest)) == 3 * number


def test_a_mirrored_picture_is_mirrored_and_not_turned(reference):
    path = reference / "cases/v07b_hflip.mov"
    with media.open_media(path) as container:
        stored = next(container.decode(video=0)).to_ndarray(format="rgb24", interpolation="BICUBIC")
    shown = next(iter(media.pictures(media.inspect(path))))
    np.testing.assert_array_equal(shown.rgb(), stored[:, ::-1])
