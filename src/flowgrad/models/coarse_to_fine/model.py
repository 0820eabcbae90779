"""Coarse to Fine as a model: frames and audio in, localization maps out, and what each class is heard and seen of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from flowgrad.constants import MAP_SIZE
from flowgrad.models.base import Apart, Batch, Maps, Parts, Runtime, Settings
from flowgrad.models.calibration import moments
from flowgrad.models.checkpoints import load_state, shapes
from flowgrad.models.coarse_to_fine import presets
from flowgrad.models.coarse_to_fine.labels import class_names
from flowgrad.models.coarse_to_fine.layout import LAYOUT, sizes
from flowgrad.models.coarse_to_fine.network import CoarseToFineNetwork
from flowgrad.models.coarse_to_fine.spectrogram import log_mel, peak_one
from flowgrad.models.engine import compute
from flowgrad.models.runtime import AnyEngine, AnyPrecision, resolve

SAMPLES = presets.SECONDS * presets.SAMPLE_RATE
Floats = npt.NDArray[np.float32]


class Embedded(NamedTuple):
    """What the network makes of N items.

    Attributes:
        places: (N, E, h, w) float32, each place of length 1; h = w = 16.
        classes: (N, K, E) float32, what is heard of each class, of length 1; 0 where nothing is.
        probabilities: (N, K) float32, of the classes of the sound.
    """

    places: Floats
    classes: Floats
    probabilities: Floats


class InPipeline:
    """Coarse to Fine as the pipeline calls it; see :class:`CoarseToFine`."""

    def __init__(self, checkpoint: Path, settings: presets.CoarseToFine, runtime: Runtime):
        self._settings = settings
        self._model = CoarseToFine(checkpoint, runtime=runtime, peak=settings.audio_peak)

    def __call__(self, batch: Batch) -> Maps:
        """Localize the sound in each frame of a batch."""
        apart = self.apart(batch)
        return joined(apart.seen, apart.heard)

    def apart(self, batch: Batch) -> Apart:
        """Return the places of each frame, and what is heard of each class, weighted by its share (:func:`shares`).

        The embeddings of all classes stand in one row (N, K E). They may be scaled, and averaged over sounds.
        """
        return self._apart(self._embedded(batch))

    def parted(self, batch: Batch) -> tuple[Maps, Parts]:
        """Return the maps, and those of each class with its probability; a class counts where it has a share."""
        found = self._embedded(batch)
        apart = self._apart(found)
        counted = shares(found.probabilities, self._settings.class_probability) > 0
        by_class = class_cosines(found.places, found.classes)
        names = class_names(by_class.shape[1])
        return joined(apart.seen, apart.heard), Parts(by_class, found.probabilities, counted, names)

    def _embedded(self, batch: Batch) -> Embedded:
        assert batch.frames is not None
        assert batch.audio is not None
        return self._model.embedded(batch.frames, batch.audio)

    def _apart(self, found: Embedded) -> Apart:
        weighted = shares(found.probabilities, self._settings.class_probability)[:, :, None] * found.classes
        return Apart(found.places[:, None], weighted.reshape(len(weighted), -1))


def joined(seen: Floats, heard: Floats, settings: Settings | None = None) -> Floats:
    """Return the maps (N, 224, 224) float32 of places (N, 1, E, h, w) and weighted classes (N, K E).

    A pixel is the sum over classes of the positive cosines, enlarged; 0 to 1 if the weights of a row add up to 1.
    """
    places = np.asarray(F.normalize(torch.from_numpy(np.array(seen[:, 0])), dim=1).numpy())
    classes = heard.reshape(len(heard), -1, places.shape[1])
    return enlarged(class_cosines(places, classes).sum(axis=1), MAP_SIZE)


def shares(probabilities: Floats, least: float) -> Floats:
    """Return the share (N, K) that each class has in a map, a row adds up to 1: its probability, if it is heard.

    A class is heard if its probability is above ``least``, or the largest.

    >>> shares(np.array([[0.2, 0.6, 0.4], [0.1, 0.2, 0.0]], np.float32), 0.3).tolist()
    [[0.0, 0.6000000238418579, 0.4000000059604645], [0.0, 1.0, 0.0]]
    """
    heard = probabilities > least
    heard[np.arange(len(heard)), probabilities.argmax(axis=1)] = True
    weights = np.where(heard, probabilities, np.float32(0))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def class_cosines(places: Floats, classes: Floats) -> Floats:
    """Return how well each place (N, E, h, w) fits each class (N, K, E), (N, K, h, w): cosines, negative ones are 0."""
    return np.asarray(np.maximum(np.einsum("nke,nehw->nkhw", classes, places, optimize=True), 0))


def enlarged(maps: Floats, size: int) -> Floats:
    """Return maps (N, h, w) as (N, size, size) float32, bilinearly: published are 256x256, the pipeline has 224x224."""
    large = F.interpolate(torch.from_numpy(maps)[:, None], (size, size), mode="bilinear", align_corners=False)
    return np.asarray(large[:, 0].numpy())


class CoarseToFine:
    """Maps of where each class of sound comes from, and of where the audio as a whole does.

    Args:
        checkpoint: file in the published layout, after the second stage (``.pth``).
        device: ``cpu``, ``cuda`` or a torch device string.
        precision: of the encoders' arithmetic; maps are float32 always.
        batch_size: frames that pass through the encoders at once.
        peak: ``one`` divides each window of audio by its largest sample, as the released code does at test.
        engine: ``auto``, ``openvino`` or ``torch`` (:func:`flowgrad.models.runtime.resolve`).
        runtime: in place of ``device``, ``precision`` and ``engine``.

    Raises:
        InputError: the checkpoint is absent or does not fit, the keys are listed; or the engine cannot be had.
    """

    def __init__(
        self,
        checkpoint: Path,
        device: str = "cpu",
        precision: AnyPrecision = "float32",
        batch_size: int = 16,
        peak: Literal["kept", "one"] = "kept",
        engine: AnyEngine = "auto",
        runtime: Runtime | None = None,
    ):
        state = load_state(Path(checkpoint), LAYOUT)
        self.batch_size, self.peak = batch_size, peak
        network = CoarseToFineNetwork(sizes(shapes(state)))
        network.load_state_dict(state, strict=True)
        self._compute = compute(
            network, runtime or resolve(device, precision, engine), self._with_spectrograms, examples
        )

    def __call__(
        self, frames: npt.NDArray[np.uint8], audio: npt.NDArray[Any], size: int = MAP_SIZE, least: float = 0.3
    ) -> Floats:
        """Localize.

        Args:
            frames: (N, 256, 256, 3) uint8 RGB.
            audio: (N, 110250) in -1..1: 5 s at 22,050 Hz around each frame.
            size: of the maps; the published ones have 256.
            least: a class is heard if it is likelier than this (:func:`shares`).

        Returns:
            (N, size, size) float32 in 0..1: the mean cosine of the classes that are heard. The released code divides
            each by its maximum, as threshold rule ``relative`` does.

        Raises:
            ValueError: an input has the wrong shape or type; the message says what was expected.
        """
        found = self.embedded(frames, audio)
        weights = shares(found.probabilities, least)
        maps = np.einsum("nk,nkhw->nhw", weights, class_cosines(found.places, found.classes))
        return enlarged(np.asarray(maps, np.float32), size)

    def by_class(self, frames: npt.NDArray[np.uint8], audio: npt.NDArray[Any]) -> tuple[Floats, Floats]:
        """Return a map of each class (N, K, 16, 16) in 0..1, and how probably it is heard (N, K), float32.

        The order of the classes is :data:`flowgrad.models.coarse_to_fine.labels.CLASS_NAMES`. Takes and raises what
        the call does.
        """
        found = self.embedded(frames, audio)
        return class_cosines(found.places, found.classes), found.probabilities

    def embedded(self, frames: npt.NDArray[np.uint8], audio: npt.NDArray[Any]) -> Embedded:
        """Return what the maps are made of. Takes and raises what the call does."""
        return Embedded(*in_batches(self._compute, frames, audio, self.batch_size))

    def _with_spectrograms(self, frames: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        return frames, log_mel(peak_one(audio) if self.peak == "one" else audio)


def examples() -> tuple[npt.NDArray[Any], ...]:
    """Return a few frames (N, 256, 256, 3) uint8 and their sounds (N, 110250)."""
    shown = moments(presets.PRESETS["paper"].needs())
    assert shown.frames is not None
    assert shown.audio is not None
    return shown.frames, shown.audio


def in_batches(
    made: Callable[[npt.NDArray[np.uint8], npt.NDArray[Any]], tuple[Floats, ...]],
    frames: npt.NDArray[np.uint8],
    audio: npt.NDArray[Any],
    batch_size: int,
) -> tuple[Floats, ...]:
    """Return what is made of frames (N, 256, 256, 3) and audio (N, 110250), so many at once.

    Raises ``ValueError`` where an input has the wrong shape or type.
    """
    frames, audio = np.asarray(frames), np.asarray(audio)
    count, size = (len(frames) if frames.ndim else 0), presets.FRAME_SIZE
    _expect("frames", frames, (count, size, size, 3), frames.dtype == np.uint8, "uint8 RGB")
    _expect("audio", audio, (count, SAMPLES), audio.dtype.kind == "f", "float samples in -1..1")
    if not count:  # what is made of one item says how many classes there are
        one = made(np.zeros((1, size, size, 3), np.uint8), np.zeros((1, SAMPLES), np.float32))
        return tuple(part[:0] for part in one)
    rows = [slice(start, start + batch_size) for start in range(0, count, batch_size)]
    parts = [made(frames[some], audio[some]) for some in rows]
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def _expect(name: str, array: npt.NDArray[Any], shape: tuple[int, ...], fits: bool, kind: str) -> None:
    if array.shape != shape or not fits:
        raise ValueError(f"{name}: expected {shape} {kind}, got {array.shape} {array.dtype}")
