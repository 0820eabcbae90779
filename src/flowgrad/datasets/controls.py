"""A control dataset: the clips of an Urbansas folder, each with the sound of another.

Pictures, boxes and sound events stay, so the same frames are scored against the same truth; only what is heard is
wrong. A model that scores on it as it does on the dataset itself does not listen.
"""

from __future__ import annotations

import os
import shutil
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flowgrad import media
from flowgrad.artifacts import check_absent_or_empty
from flowgrad.datasets.base import Clip
from flowgrad.datasets.urbansas import Urbansas
from flowgrad.errors import InputError, MediaError

TABLES = ("video_annotations.csv", "audio_annotations.csv")


@dataclass(frozen=True)
class Shuffled:
    """What was written.

    Attributes:
        donors: for every clip that sounds, the clip whose sound it got.
        mute: the clips without a usable sound; they stay as they are.
    """

    donors: dict[str, str]
    mute: tuple[str, ...]


def derangement(count: int, seed: int) -> list[int]:
    """Return a random order of ``range(count)`` in which nothing keeps its place, the same for the same seed.

    Raises ``ValueError`` for fewer than two: there is none.

    >>> derangement(2, seed=0)
    [1, 0]
    """
    if count < 2:
        raise ValueError(f"count: a derangement needs at least two, got {count}")
    generator = np.random.default_rng(seed)
    while True:
        order = generator.permutation(count)
        if (order != np.arange(count)).all():
            return [int(place) for place in order]


def shuffle_sound(root: Path, out: Path, seed: int = 0) -> Shuffled:
    """Write an Urbansas folder whose clips have the sound of another clip.

    ``out`` gets links to the videos, copies of the two annotation tables, and ``audio/<clip>.wav`` for every clip that
    sounds: 16 bit, mono, at the rate of the track that it was taken from. It appears when it is whole.

    Args:
        root: the Urbansas folder.
        out: a folder that is absent or empty.
        seed: of the order.

    Raises:
        InputError: ``out`` holds something or cannot be written, the dataset cannot be used, or fewer than two of its
            clips have sound.
    """
    check_absent_or_empty(out)
    dataset = Urbansas(root)
    problems = dataset.problems()
    if problems:
        raise InputError("; ".join(problems).replace("dataset.root: ", ""))
    # hidden, beside the folder that it becomes
    work = out.absolute().parent / f".{out.absolute().name}.tmp-{os.getpid()}"
    try:
        shuffled = _write(dataset, work, seed)
        work.replace(out)
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return shuffled


def _write(dataset: Urbansas, work: Path, seed: int) -> Shuffled:
    for folder in ("annotations", "audio", "sounds", "video/video_24fps"):
        (work / folder).mkdir(parents=True)
    for table in TABLES:
        shutil.copyfile(dataset.root / "annotations" / table, work / "annotations" / table)
    sounding, mute = [], []
    for clip in dataset.clips():
        if clip.video is None:
            continue
        source = dataset.root / clip.video
        (work / "video/video_24fps" / f"{clip.name}{source.suffix}").symlink_to(source.resolve())
        try:
            _save_sound(dataset.root / (clip.sound or clip.video), work / "sounds" / f"{clip.name}.wav")
            sounding.append(clip.name)
        except MediaError:
            mute.append(clip.name)
            _keep_sound(dataset.root, clip, work)
    if len(sounding) < 2:
        raise InputError(f"{dataset.root}: {len(sounding)} of its clips have sound; a swap needs two")
    donors = {name: sounding[place] for name, place in zip(sounding, derangement(len(sounding), seed), strict=True)}
    for name, donor in donors.items():
        (work / "sounds" / f"{donor}.wav").replace(work / "audio" / f"{name}.wav")
    shutil.rmtree(work / "sounds")
    return Shuffled(donors, tuple(mute))


def _keep_sound(root: Path, clip: Clip, work: Path) -> None:
    """Link the unusable sound file of a clip, so that the video's own track does not stand in for it."""
    if clip.sound:
        source = root / clip.sound
        (work / "audio" / f"{clip.name}{source.suffix}").symlink_to(source.resolve())


def _save_sound(source: Path, target: Path) -> None:
    """Write the first sound track of a file as 16-bit mono WAV at its own rate.

    Raises ``MediaError`` where there is none, or it cannot be decoded.
    """
    recording = media.inspect(source)
    if recording.sound is None:
        raise MediaError("no sound track")
    rate = recording.sound.sample_rate
    try:
        with wave.open(str(target), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            for block in (blocks[rate] for blocks in media.sound(recording, [rate])):
                file.writeframes(np.clip(np.rint(block * 32768), -32768, 32767).astype("<i2").tobytes())
    except MediaError:
        target.unlink(missing_ok=True)
        raise
