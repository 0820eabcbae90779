"""Visual context semantics as a model: frames and audio in, localization maps out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from flowgrad.constants import MAP_SIZE
from flowgrad.models.base import Apart, Batch, Maps, Runtime, Settings
from flowgrad.models.checkpoints import load_state, shapes
from flowgrad.models.inputs import imagenet_standardised
from flowgrad.models.spectrogram import log_spectrogram
from flowgrad.models.visual_context.layout import LAYOUT, sizes
from flowgrad.models.visual_context.network import VisualContextNetwork
from flowgrad.models.visual_context.presets import SAMPLE_RATE


class VisualContext:
    """Maps of where the audio comes from: the scaled cosine between its embedding and every place of the frame.

    The nodes of its graph take no part in the map; :meth:`nodes` gives their heatmaps.

    Args:
        checkpoint: file in the layout that the released training code writes.
        settings: of the preset; there is nothing to set.
        runtime: where and how it computes.

    Raises:
        InputError: the checkpoint is absent or does not fit; the keys are listed.
    """

    def __init__(self, checkpoint: Path, settings: Settings, runtime: Runtime):
        state = load_state(Path(checkpoint), LAYOUT)
        self.device = torch.device(runtime.device)
        self._dtype = torch.bfloat16 if runtime.precision == "bfloat16" else None
        self._network = VisualContextNetwork(*sizes(shapes(state)))
        self._network.load_state_dict(state, strict=True)
        self._network.eval().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, batch: Batch) -> Maps:
        """Localize the sound in each frame of a batch."""
        apart = self.apart(batch)
        return joined(apart.seen, apart.heard)

    def apart(self, batch: Batch) -> Apart:
        """Return the features of the places of each frame, and those of its sound with the learnt scale in them."""
        assert batch.frames is not None
        assert batch.audio is not None
        found = self._embedded(batch.frames, batch.audio)
        return Apart(found["visual"][:, None], found["audio"] * self._network.scale.item())

    def nodes(self, batch: Batch) -> npt.NDArray[np.float32]:
        """Return the heatmaps of the nodes of the picture's graph, (N, nodes, 14, 14) float32; no sound enters them."""
        assert batch.frames is not None
        silence = np.zeros((len(batch.frames), SAMPLE_RATE), np.float32)
        return self._embedded(batch.frames, silence if batch.audio is None else batch.audio)["heatmaps"]

    def _embedded(self, frames: npt.NDArray[np.uint8], audio: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.float32]]:
        spectrograms = log_spectrogram(np.clip(audio, -1, 1), SAMPLE_RATE)[:, None]
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, dtype=self._dtype, enabled=self._dtype is not None),
        ):
            found = self._network.embed(*map(self._on_device, (imagenet_standardised(frames), spectrograms)))
        return {name: np.asarray(part.cpu().numpy()) for name, part in found._asdict().items()}

    def _on_device(self, array: npt.NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(array).to(self.device).contiguous(memory_format=torch.channels_last)


def joined(seen: npt.NDArray[np.float32], heard: npt.NDArray[np.float32], settings: Settings | None = None) -> Maps:
    """Return the maps (N, 224, 224) float32 of features (N, 1, C, 14, 14) of length 1 and (N, C): see the class."""
    return enlarged(products(seen[:, 0], heard))


def products(places: npt.NDArray[np.float32], heard: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the product (N, h, w) float32 of the audio's features (N, C) and those of every place (N, C, h, w)."""
    unit = F.normalize(torch.from_numpy(places), dim=1)
    return np.asarray(torch.einsum("nchw,nc->nhw", unit, torch.from_numpy(heard)).numpy())


def enlarged(cosines: npt.NDArray[np.float32]) -> Maps:
    """Return (N, h, w) as maps (N, 224, 224) float32, bilinear; their scale stays."""
    size = (MAP_SIZE, MAP_SIZE)
    whole = F.interpolate(torch.from_numpy(cosines)[:, None], size, mode="bilinear", align_corners=False)
    return np.ascontiguousarray(whole[:, 0].numpy())
