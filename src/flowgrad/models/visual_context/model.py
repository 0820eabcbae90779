"""Visual context semantics as a model: frames and audio in, localization maps out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from flowgrad.constants import MAP_SIZE
from flowgrad.models.base import Apart, Batch, Maps, Parts, Runtime, Settings
from flowgrad.models.calibration import moments
from flowgrad.models.checkpoints import load_state, shapes
from flowgrad.models.engine import compute
from flowgrad.models.spectrogram import log_spectrogram
from flowgrad.models.visual_context.layout import LAYOUT, sizes
from flowgrad.models.visual_context.network import Embedded, VisualContextNetwork
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
        network = VisualContextNetwork(*sizes(shapes(state)))
        network.load_state_dict(state, strict=True)
        self._scale = network.scale.item()
        self._compute = compute(network, runtime, examples=lambda: self._given(moments(settings.needs())))

    def __call__(self, batch: Batch) -> Maps:
        """Localize the sound in each frame of a batch."""
        apart = self.apart(batch)
        return joined(apart.seen, apart.heard)

    def apart(self, batch: Batch) -> Apart:
        """Return the features of the places of each frame, and those of its sound with the learnt scale in them."""
        return self._apart(self._of(batch))

    def parted(self, batch: Batch) -> tuple[Maps, Parts]:
        """Return the maps, and the heatmaps of the nodes, each with the cosine of its features and the sound's.

        The half of the nodes that fits the sound best counts, as in the loss.
        """
        found = self._of(batch)
        apart = self._apart(found)
        lengths = np.linalg.norm(found["nodes"], axis=2)
        cosines = np.einsum("nkc,nc->nk", found["nodes"], found["audio"]) / np.maximum(lengths, np.float32(1e-12))
        counted = np.zeros(cosines.shape, np.bool_)
        best = np.argsort(-cosines, axis=1, kind="stable")[:, : cosines.shape[1] // 2]
        np.put_along_axis(counted, best, values=True, axis=1)
        names = tuple(f"node {number + 1}" for number in range(cosines.shape[1]))
        return joined(apart.seen, apart.heard), Parts(found["heatmaps"], cosines, counted, names)

    def _of(self, batch: Batch) -> dict[str, npt.NDArray[np.float32]]:
        return dict(zip(Embedded._fields, self._compute(*self._given(batch)), strict=True))

    def _apart(self, found: Mapping[str, npt.NDArray[np.float32]]) -> Apart:
        return Apart(found["visual"][:, None], found["audio"] * self._scale)

    def nodes(self, batch: Batch) -> npt.NDArray[np.float32]:
        """Return the heatmaps of the nodes of the picture's graph, (N, nodes, 14, 14) float32; no sound enters them."""
        assert batch.frames is not None
        silence = np.zeros((len(batch.frames), SAMPLE_RATE), np.float32)
        return self._of(batch if batch.audio is not None else replace(batch, audio=silence))["heatmaps"]

    def _given(self, batch: Batch) -> tuple[npt.NDArray[Any], ...]:
        """Return what the network takes: frames and spectrograms."""
        assert batch.frames is not None
        assert batch.audio is not None
        return batch.frames, log_spectrogram(np.clip(batch.audio, -1, 1), SAMPLE_RATE)[:, None]


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
