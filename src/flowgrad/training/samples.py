"""The samples artifact: what training reads of a clip, ready to be picked at random.

A sample is a frame, the flow from it to its successor, and the audio around it, as a
:class:`flowgrad.models.base.SampleSpec` says (RCGrad: "random 5 s at 16 kHz, frame at its centre"; FlowGrad, section
2.2, adds the flow). Frames and flow are stretched as at inference, so that what is learnt is what is asked later. A
chunk holds one frame: a random sample is three short reads, 1.5 ms in all.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flowgrad import artifacts
from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.models.base import SampleSpec
from flowgrad.models.inputs import window_length
from flowgrad.training.labels import Labels

KIND = "samples"


@dataclass(frozen=True)
class Sample:
    """What the networks are shown together.

    Attributes:
        frame: (S, S, 3) uint8 RGB.
        flow: (224, 224) or (2, 224, 224) float16, native pixels per 1/8 s, or whole ones as uint8; None where the spec
            has none.
        audio: (samples,) float32, mono.
        label_audio: (classes,) float32 in [0, 1]; None where the model learns from none.
        label_frame: the same, of what is seen.
    """

    frame: npt.NDArray[np.uint8]
    flow: npt.NDArray[Any] | None
    audio: npt.NDArray[np.float32]
    label_audio: npt.NDArray[np.float32] | None = None
    label_frame: npt.NDArray[np.float32] | None = None

    @property
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what there is, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}


def has_whole_window(frame: int, end: float, window: float, lag: float = 0.0) -> bool:
    """Return whether a window of ``window`` s around an 8 fps frame lies within a clip that ends at ``end`` s.

    The frame lies ``lag`` s after the middle of its window.
    """
    time = frame / FRAMES_PER_SECOND - lag
    return window / 2 <= time <= end - window / 2


def windows_of(seconds: float, window: float) -> int:
    """Return into how many windows that do not overlap a clip of this length is cut at most; 0 where none fits.

    >>> windows_of(4.9, 5), windows_of(6, 5), windows_of(15, 5)
    (0, 1, 2)
    """
    span = seconds - window
    return max(1, int(span / window)) if span >= 0 else 0


def too_few(kept: int, aside: int, windows: int, batch_size: int, window: float) -> str | None:
    """Return why clips do not do to learn from: they fill no batch, or hardly any is held out; else None."""
    if windows >= batch_size and aside >= 2:
        return None
    held = f"beside {aside} that are held out" if aside else "and none to hold out"
    return (
        f"{kept} usable clips with {windows} windows of {window:g} s, {held}, are too few for"
        f" training.batch_size: {batch_size}; add videos"
        + (f", or set it to {windows} or less" if windows > 1 and aside > 1 else "")
    )


class SampleSet:
    """The samples of several artifacts as one set, by clip.

    Args:
        files: what stage ``samples`` wrote, all of one spec.
        only: the clips of the set; None for all.
        places: of the clips (:func:`split`).
        labels: pseudo labels of the clips; clips without any are no part of the set then.

    Files are opened when first read, and again in every process: an HDF5 handle does not survive a fork.
    """

    def __init__(
        self,
        files: Iterable[Path],
        only: Iterable[str] | None = None,
        places: Mapping[str, str] | None = None,
        labels: Labels | None = None,
    ):
        self.places, self.labels = dict(places or {}), labels
        wanted = None if only is None else set(only)
        if labels is not None:
            wanted = set(labels) if wanted is None else wanted & set(labels)
        self.sources: dict[str, str] = {}
        self._files: dict[str, Path] = {}
        self._rows: dict[str, npt.NDArray[np.int64]] = {}
        self._frames: dict[str, npt.NDArray[np.int32]] = {}
        self.spec = SampleSpec()
        for path in files:
            with artifacts.open_artifact(path, KIND) as artifact:
                self.spec = spec_of(artifact)
                for clip in artifact.clips():
                    if wanted is not None and clip not in wanted:
                        continue
                    frames = artifact.read(clip, "frame")
                    attributes = artifact.attributes(clip)
                    self.sources[clip] = str(attributes["source_sha256"])
                    end = float(attributes["end_s"])
                    self._files[clip] = path
                    self._frames[clip] = frames
                    self._rows[clip] = np.flatnonzero(
                        [has_whole_window(int(frame), end, self.spec.seconds, self.spec.lag) for frame in frames]
                    )
        self.clips: list[str] = sorted(self._files)
        self._stack = ExitStack()
        self._open: dict[Path, artifacts.ArtifactReader] = {}
        self._process = os.getpid()

    def length(self, clip: str) -> int:
        """Return the number of samples of a clip."""
        return len(self._rows[clip])

    def apart(self, clip: str, offset: float) -> list[int]:
        """Return samples of a clip whose sound windows do not overlap.

        ``offset`` in [0, 1) moves the windows along the clip, from one place where they fit to the next.
        """
        times = self._frames[clip][self._rows[clip]] / FRAMES_PER_SECOND
        span = float(times[-1] - times[0])
        # as many windows wherever they start
        window = self.spec.seconds
        count = max(1, int(span / window))
        slack = span - window * (count - 1)
        wanted = times[0] + offset * slack + window * np.arange(count)
        return [int(number) for number in np.searchsorted(times, wanted - 1e-9).clip(max=len(times) - 1)]

    def read(self, clip: str, number: int) -> Sample:
        """Return sample ``number`` of a clip."""
        row = int(self._rows[clip][number])
        rate, seconds = self.spec.sample_rate, self.spec.seconds
        middle = int(self._frames[clip][row]) / FRAMES_PER_SECOND - self.spec.lag
        start = round((middle - seconds / 2) * rate)
        length = window_length(seconds, rate)
        artifact = self._artifact(self._files[clip])
        audio = artifact.read(clip, "audio", slice(start, start + length))
        # rounding can ask for a sample more than there is
        audio = np.pad(audio, (0, length - len(audio)))
        one = slice(row, row + 1)
        flow = artifact.read(clip, "flow", one)[0] if self.spec.flow != "none" else None
        labels = self.labels[clip] if self.labels is not None else {}
        return Sample(artifact.read(clip, "rgb", one)[0], flow, audio, labels.get("audio"), labels.get("frame"))

    def _artifact(self, path: Path) -> artifacts.ArtifactReader:
        if self._process != os.getpid():
            self._stack, self._open, self._process = ExitStack(), {}, os.getpid()
        if path not in self._open:
            self._open[path] = self._stack.enter_context(artifacts.open_artifact(path, KIND))
        return self._open[path]


def attributes_of(spec: SampleSpec) -> dict[str, Any]:
    """Return what an artifact says of its samples."""
    return {
        "size": spec.size,
        "sample_rate": spec.sample_rate,
        "seconds": spec.seconds,
        "holds_flow": spec.flow,
        "lag": spec.lag,
    }


def spec_of(artifact: artifacts.ArtifactReader) -> SampleSpec:
    """Return what the samples of an artifact hold."""
    found = artifact.attributes()
    size, rate, seconds = int(found["size"]), int(found["sample_rate"]), float(found["seconds"])
    return SampleSpec(size, rate, seconds, found["holds_flow"], float(found["lag"]))


def split(
    clips: Sequence[str], held_out: float, seed: int, places: Mapping[str, str] | None = None
) -> tuple[list[str], list[str]]:
    """Split clips into those to learn from and those held out, at least two of the latter.

    Whole places are held out, those that fit in the order of a digest of seed and name: a place that is added moves no
    other. Where none fits, the smallest ones are; where nothing would be left to learn from, places are not looked at.

    Args:
        clips: their names.
        held_out: the share of the clips to hold out.
        seed: of the choice.
        places: of the clips (:attr:`flowgrad.datasets.base.Clip.group`); one that has none is alone.

    >>> split(["a1", "a2", "b1", "c1"], 0.25, 1, {"a1": "a", "a2": "a"})
    (['b1', 'c1'], ['a1', 'a2'])
    """
    import hashlib

    members: dict[str, list[str]] = {}
    for clip in clips:
        members.setdefault((places or {}).get(clip, clip), []).append(clip)
    count, aside = max(2, round(held_out * len(clips))), list[str]()
    for place in sorted(members, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest()):
        if len(aside) + len(members[place]) <= count:
            aside += members.pop(place)
    for place in sorted(members, key=lambda name: (len(members[name]), name)):
        if len(aside) < 2:
            aside += members[place]
    if places and len(aside) == len(clips):
        return split(clips, held_out, seed)
    return sorted(set(clips).difference(aside)), sorted(aside)
