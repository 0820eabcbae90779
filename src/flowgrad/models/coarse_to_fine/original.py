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
from flowgrad.models.base import Batch, Maps, Runtime
from flowgrad.models.checkpoints import load_state, shapes
from flowgrad.models.coarse_to_fine import presets
from flowgrad.models.coarse_to_fine.model import Floats, enlarged, in_batches
from flowgrad.models.coarse_to_fine.original_layout import LAYOUT, sizes
from flowgrad.models.coarse_to_fine.original_network import OriginalNetwork, by_module, fit
from flowgrad.models.coarse_to_fine.spectrogram import log_mel, peak_one


class InPipeline:
    """The original Coarse to Fine as the pipeline calls it; see :class:`CoarseToFineOriginal`."""

    def __init__(self, checkpoint: Path, settings: presets.Original, runtime: Runtime):
        self._model = CoarseToFineOriginal(checkpoint, runtime.device, runtime.precision, peak=settings.audio_peak)

    def __call__(self, batch: Batch) -> Maps:
        """Localize the sound in each frame of a batch."""
        assert batch.frames is not None
        assert batch.audio is not None
        return self._model(batch.frames, batch.audio)


class CoarseToFineOriginal:
    """Maps of where each class of sound comes from, and of where the audio as a whole does.

    Args:
        checkpoint: file in the layout of the released code, after the second stage (``.pth.tar``).
        device: ``cpu``, ``cuda`` or a torch device string.
        precision: of the frame encoder's arithmetic; the rest and maps are float32 always.
        batch_size: frames that pass through the encoders at once.
        peak: ``one`` divides each window of audio by its largest sample, as the released code does at test.

    Raises:
        InputError: the checkpoint is absent or does not fit; the keys are listed.
    """

    def __init__(
        self,
        checkpoint: Path,
        device: str = "cpu",
        precision: Literal["float32", "bfloat16"] = "float32",
        batch_size: int = 16,
        peak: Literal["kept", "one"] = "kept",
    ):
        state = load_state(Path(checkpoint), LAYOUT)
        self.batch_size, self.peak = batch_size, peak
        self.device = torch.device(device)
        self._dtype = torch.bfloat16 if precision == "bfloat16" else None
        self._network = OriginalNetwork(sizes(shapes(state)))
        self._network.load_state_dict(by_module(state), strict=True)
        self._network.eval().requires_grad_(False).to(self.device)
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
        maps, probabilities, active = self._made(frames, audio)
        heard = active > 0
        heard[np.arange(len(heard)), active.argmax(axis=1)] = True
        weights = np.where(heard, probabilities, np.float32(0))
        weights = weights / weights.sum(axis=1, keepdims=True)
        return enlarged(np.einsum("nk,nkhw->nhw", weights, maps), size)

    def by_class(self, frames: npt.NDArray[np.uint8], audio: npt.NDArray[Any]) -> tuple[Floats, Floats]:
        """Return a map of each class (N, K, 16, 16) in 0..1, and how probably it is heard (N, K), float32.

        Of seven classes the order is :data:`flowgrad.models.coarse_to_fine.labels.CLASS_NAMES`. Takes and raises what
        the call does.
        """
        maps, probabilities, _ = self._made(frames, audio)
        return maps, probabilities

    def _made(self, frames: npt.NDArray[np.uint8], audio: npt.NDArray[Any]) -> tuple[Floats, ...]:
        return in_batches(self._batch, frames, audio, self.batch_size)

    def _batch(self, frames: npt.NDArray[np.uint8], audio: npt.NDArray[Any]) -> tuple[Floats, ...]:
        pictures = torch.from_numpy(np.array(frames)).to(self.device).permute(0, 3, 1, 2).float() / 255
        sounds = torch.from_numpy(np.array(audio, np.float32)).to(self.device)
        with torch.no_grad():
            heard = self._network.heard(log_mel(peak_one(sounds) if self.peak == "one" else sounds))
            with torch.autocast(self.device.type, dtype=self._dtype, enabled=self._dtype is not None):
                places = self._network.places(pictures)
            made = (fit(places.float(), heard.classes), heard.probabilities, heard.active)
        return tuple(np.asarray(part.cpu().numpy()) for part in made)
