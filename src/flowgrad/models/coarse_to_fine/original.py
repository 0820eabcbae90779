"""The original version of Coarse to Fine as a model: frames and audio in, localization maps out.

It cannot be asked what it would show under another sound (``Model.joined``): places and sounds are compared by their
squared difference, so what is seen may not be scaled, as what is kept of it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from flowgrad.constants import MAP_SIZE
from flowgrad.models.base import Batch, Maps, Parts, Runtime
from flowgrad.models.checkpoints import load_state, shapes
from flowgrad.models.coarse_to_fine import presets
from flowgrad.models.coarse_to_fine.labels import class_names
from flowgrad.models.coarse_to_fine.model import Floats, enlarged, examples, in_batches
from flowgrad.models.coarse_to_fine.original_layout import LAYOUT, sizes
from flowgrad.models.coarse_to_fine.original_network import OriginalNetwork, fit
from flowgrad.models.coarse_to_fine.spectrogram import log_mel, peak_one
from flowgrad.models.engine import compute
from flowgrad.models.runtime import AnyEngine, AnyPrecision, resolve


class InPipeline:
    """The original Coarse to Fine as the pipeline calls it; see :class:`CoarseToFineOriginal`."""

    def __init__(self, checkpoint: Path, settings: presets.Original, runtime: Runtime):
        self._model = CoarseToFineOriginal(checkpoint, runtime=runtime, peak=settings.audio_peak)

    def __call__(self, batch: Batch) -> Maps:
        """Localize the sound in each frame of a batch."""
        assert batch.frames is not None
        assert batch.audio is not None
        return self._model(batch.frames, batch.audio)

    def parted(self, batch: Batch) -> tuple[Maps, Parts]:
        """Return the maps, and those of each class with its probability; a class counts if it is heard."""
        assert batch.frames is not None
        assert batch.audio is not None
        maps, probabilities, heard = self._model.by_heard_class(batch.frames, batch.audio)
        whole = enlarged(weighted(maps, probabilities, heard), MAP_SIZE)
        return whole, Parts(maps, probabilities, heard, class_names(maps.shape[1]))


class CoarseToFineOriginal:
    """Maps of where each class of sound comes from, and of where the audio as a whole does.

    Args:
        checkpoint: file in the layout of the released code, after the second stage (``.pth.tar``).
        device: ``cpu``, ``cuda`` or a torch device string.
        precision: of the frame encoder's arithmetic; the rest and maps are float32 always.
        batch_size: frames that pass through the encoders at once.
        peak: ``one`` divides each window of audio by its largest sample, as the released code does at test.
        engine: of the frame encoder: ``auto``, ``openvino`` or ``torch`` (:func:`flowgrad.models.runtime.resolve`).
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
        runtime = runtime or resolve(device, precision, engine)
        self.device = torch.device(runtime.device)
        self._network = OriginalNetwork(sizes(shapes(state)))
        self._network.load_state_dict(state, strict=True)
        # what is heard takes gradients, which torch alone has
        self._see = compute(self._network, runtime, examples=lambda: examples()[:1])
        self._network.to(self.device)
        # cuDNN gives gradients of a recurrence in training mode alone; without dropout it computes the same
        self._network.audio.gru.train()

    def __call__(self, frames: npt.NDArray[np.uint8], audio: npt.NDArray[Any], size: int = MAP_SIZE) -> Floats:
        """Localize.

        Args:
            frames: (N, 256, 256, 3) uint8 RGB.
            audio: (N, 110250) in -1..1: 5 s at 22,050 Hz around each frame.
            size: of the maps; those of the released code have 256.

        Returns:
            (N, size, size) float32 in 0..1: the mean map of the classes that are heard, weighted by their probability.
            A class is heard if it is active anywhere, or the most active.

        Raises:
            ValueError: an input has the wrong shape or type; the message says what was expected.
        """
        return enlarged(weighted(*self.by_heard_class(frames, audio)), size)

    def by_class(self, frames: npt.NDArray[np.uint8], audio: npt.NDArray[Any]) -> tuple[Floats, Floats]:
        """Return a map of each class (N, K, 16, 16) in 0..1, and how probably it is heard (N, K), float32.

        Of seven classes the order is :data:`flowgrad.models.coarse_to_fine.labels.CLASS_NAMES`. Takes and raises what
        the call does.
        """
        maps, probabilities, _ = self.by_heard_class(frames, audio)
        return maps, probabilities

    def by_heard_class(
        self, frames: npt.NDArray[np.uint8], audio: npt.NDArray[Any]
    ) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
        """Return what :meth:`by_class` does, and which classes are heard, (N, K) bool."""
        maps, probabilities, active = in_batches(self._batch, frames, audio, self.batch_size)
        heard = active > 0
        heard[np.arange(len(heard)), active.argmax(axis=1)] = True
        return maps, probabilities, heard

    def _batch(self, frames: npt.NDArray[np.uint8], audio: npt.NDArray[Any]) -> tuple[Floats, ...]:
        sounds = torch.from_numpy(np.array(audio, np.float32)).to(self.device)
        (places,) = (torch.from_numpy(part).to(self.device) for part in self._see(frames))
        with torch.no_grad():
            heard = self._network.heard(log_mel(peak_one(sounds) if self.peak == "one" else sounds))
            made = (fit(places, heard.classes), heard.probabilities, heard.active)
        return tuple(np.asarray(part.cpu().numpy()) for part in made)


def weighted(maps: Floats, probabilities: Floats, heard: npt.NDArray[np.bool_]) -> Floats:
    """Return the mean (N, h, w) of the maps (N, K, h, w) of classes that are heard (N, K), weighted by (N, K)."""
    weights = np.where(heard, probabilities, np.float32(0))
    weights = weights / weights.sum(axis=1, keepdims=True)
    return np.asarray(np.einsum("nk,nkhw->nhw", weights, maps))
