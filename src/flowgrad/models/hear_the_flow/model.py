"""Hear The Flow as a model: frames, audio and flow in, localization maps out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from flowgrad.constants import MAP_SIZE
from flowgrad.evaluation.scaling import normalise
from flowgrad.models.base import Apart, AudioSpec, Batch, FlowSpec, FrameSpec, Maps, Needs, Runtime, Settings
from flowgrad.models.calibration import moments
from flowgrad.models.checkpoints import load_state, shapes
from flowgrad.models.engine import compute
from flowgrad.models.hear_the_flow.inputs import audio_input, flow_input
from flowgrad.models.hear_the_flow.layout import LAYOUT, sizes
from flowgrad.models.hear_the_flow.network import HearTheFlowNetwork
from flowgrad.models.runtime import AnyEngine, AnyPrecision, resolve
from flowgrad.models.spectrogram import SAMPLE_RATE, log_spectrogram

SECONDS = 3
SAMPLES = SECONDS * SAMPLE_RATE


class InPipeline:
    """Hear The Flow as the pipeline calls it; see :class:`HearTheFlow`."""

    def __init__(self, checkpoint: Path, settings: Settings, runtime: Runtime):
        flow = settings.needs().flow
        assert flow is not None
        self._model = HearTheFlow(checkpoint, runtime=runtime, per_second=flow.per_second)

    def __call__(self, batch: Batch) -> Maps:
        """Localize the sound in each frame of a batch."""
        apart = self.apart(batch)
        return joined(apart.seen, apart.heard)

    def apart(self, batch: Batch) -> Apart:
        """Return the features of the places of each frame and those of its sound."""
        assert batch.frames is not None
        assert batch.audio is not None
        assert batch.flow is not None
        seen, heard = self._model.embedded(batch.frames, batch.audio, batch.flow)
        return Apart(seen[:, None], heard)


def joined(
    seen: npt.NDArray[np.float32], heard: npt.NDArray[np.float32], settings: Settings | None = None
) -> npt.NDArray[np.float32]:
    """Return the maps (N, 224, 224) float32 of features (N, 1, C, 7, 7) and (N, C); see :class:`HearTheFlow`."""
    return enlarged(cosines_of(seen[:, 0], heard))


def cosines_of(places: npt.NDArray[np.float32], heard: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the cosine (N, 7, 7) float32 between features of the audio (N, C) and of every place (N, C, 7, 7)."""
    one, other = (F.normalize(torch.from_numpy(features), dim=1) for features in (places, heard))
    return np.asarray(torch.einsum("nchw,nc->nhw", one, other).numpy())


def enlarged(cosines: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return cosines (N, 7, 7) as maps (N, 224, 224) float32, each from 0 to 1."""
    maps = np.empty((len(cosines), MAP_SIZE, MAP_SIZE), np.float32)
    for one, cosine in zip(maps, cosines, strict=True):
        cv2.resize(cosine, (MAP_SIZE, MAP_SIZE), dst=one, interpolation=cv2.INTER_CUBIC)
    return normalise(maps)


class HearTheFlow:
    """Maps of where the audio comes from: the cosine between its embedding and the frame that the flow attends to.

    The presets differ only in the flow that they give: ``paper`` the signed one (``flow.components.map_components``)
    in pixels per second (``flow.prepared.per_second``), ``released`` what the released code kept of it per 1/8 s
    (``flow.components.jpeg_components``).

    Args:
        checkpoint: file in the published layout (``.pth`` or Lightning's ``.ckpt``).
        device: ``cpu``, ``cuda`` or a torch device string.
        precision: of the encoders' arithmetic; maps are float32 always.
        batch_size: frames that pass through the encoders at once.
        per_second: flow is given in pixels per second, instead of those that pass in 1/8 s.
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
        per_second: bool = False,
        engine: AnyEngine = "auto",
        runtime: Runtime | None = None,
    ):
        state = load_state(Path(checkpoint), LAYOUT)
        self.batch_size, self.per_second = batch_size, per_second
        self._network = HearTheFlowNetwork(*sizes(shapes(state)))
        self._network.load_state_dict(state, strict=True)
        self._compute = compute(self._network, runtime or resolve(device, precision, engine), examples=self._examples)

    def __call__(
        self, frames: npt.NDArray[np.uint8], audio: npt.NDArray[Any], flow: npt.NDArray[Any]
    ) -> npt.NDArray[np.float32]:
        """Localize.

        Args:
            frames: (N, 224, 224, 3) uint8 RGB.
            audio: (N, 66150) in -1..1: 3 s at 22,050 Hz around each frame.
            flow: (N, 2, 224, 224) to the next frame, right and down, in native pixels per 1/8 s, or per second.

        Returns:
            (N, 224, 224) float32, each from 0 to 1. A map without contrast is 0 everywhere.

        Raises:
            ValueError: an input has the wrong shape or type; the message says what was expected.
        """
        return enlarged(self.cosines(frames, audio, flow))

    def cosines(
        self, frames: npt.NDArray[np.uint8], audio: npt.NDArray[Any], flow: npt.NDArray[Any]
    ) -> npt.NDArray[np.float32]:
        """Return what the maps are enlarged from, (N, 7, 7) float32 in [-1, 1]: comparable between frames.

        Takes and raises what the call does.
        """
        return cosines_of(*self.embedded(frames, audio, flow))

    def embedded(
        self, frames: npt.NDArray[np.uint8], audio: npt.NDArray[Any], flow: npt.NDArray[Any]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return the features of the places (N, C, 7, 7) and of the audio (N, C), each of length 1, float32.

        Takes and raises what the call does.
        """
        frames, audio, flow = np.asarray(frames), np.asarray(audio), np.asarray(flow)
        count = len(frames) if frames.ndim else 0
        _expect("frames", frames, (count, MAP_SIZE, MAP_SIZE, 3), frames.dtype == np.uint8, "uint8 RGB")
        _expect("audio", audio, (count, SAMPLES), audio.dtype.kind == "f", "float samples in -1..1")
        _expect("flow", flow, (count, 2, MAP_SIZE, MAP_SIZE), flow.dtype.kind in "fiu", "native pixels")
        parts = []
        # once where there is nothing, too: it says how many channels
        for start in range(0, max(count, 1), self.batch_size):
            rows = slice(start, start + self.batch_size)
            parts.append(self._compute(*self._given(frames[rows], audio[rows], flow[rows])))
        places, heard = zip(*parts, strict=True)
        return np.concatenate(places), np.concatenate(heard)

    def _given(
        self, frames: npt.NDArray[np.uint8], audio: npt.NDArray[Any], flow: npt.NDArray[Any]
    ) -> tuple[npt.NDArray[Any], ...]:
        """Return what the network takes."""
        return frames, log_spectrogram(audio_input(audio))[:, None], flow_input(flow, self.per_second)

    def _examples(self) -> tuple[npt.NDArray[Any], ...]:
        shown = moments(
            Needs(FrameSpec(), AudioSpec(SAMPLE_RATE, SECONDS), FlowSpec("signed", per_second=self.per_second))
        )
        return self._given(shown.frames, shown.audio, shown.flow)  # type: ignore[arg-type]


def _expect(name: str, array: npt.NDArray[Any], shape: tuple[int, ...], fits: bool, kind: str) -> None:
    if array.shape != shape or not fits:
        raise ValueError(f"{name}: expected {shape} {kind}, got {array.shape} {array.dtype}")
