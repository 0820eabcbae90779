"""RCGrad (Wu et al., Interspeech 2022) and the networks of FlowGrad-IC and -EN (FlowGrad paper, section 2.2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from flowgrad.flow.magnitude import network_input
from flowgrad.models.cam import clean, localization_map
from flowgrad.models.checkpoints import load_encoders
from flowgrad.models.encoders import use_clip_statistics
from flowgrad.models.inputs import fitted_sound, resized, standardised
from flowgrad.protocols import MAP_SIZE, Protocol

Precision = Literal["float32", "bfloat16"]


class RCGrad:
    """Maps of where the sound comes from: Grad-CAM of the audio embedding through the image encoder.

    Args:
        checkpoint: file in the published layout.
        protocol: how sound and flow are prepared and how the audio encoder normalises.
        device: ``cpu``, ``cuda`` or a torch device string.
        precision: of the encoders' arithmetic; maps are float32 always.
        batch_size: frames that pass through the encoders at once.

    Raises:
        InputError: the checkpoint is absent or does not fit; the keys are listed.
    """

    name: ClassVar[str] = "rcgrad"
    needs_flow: ClassVar[bool] = False

    def __init__(
        self,
        checkpoint: Path,
        protocol: Protocol,
        device: str = "cpu",
        precision: Precision = "float32",
        batch_size: int = 16,
    ):
        self.protocol, self.batch_size = protocol, batch_size
        self.device = torch.device(device)
        self._dtype = torch.bfloat16 if precision == "bfloat16" else None
        self._encoders = load_encoders(Path(checkpoint), self.name)
        if protocol.audio_batch_norm == "clip":
            use_clip_statistics(self._encoders["audio_encoder"])
        self._encoders.eval().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(
        self,
        frames: npt.NDArray[np.uint8],
        audio: npt.NDArray[np.float32] | None,
        sample_rate: int | None = None,
        flow: npt.NDArray[Any] | None = None,
    ) -> npt.NDArray[np.float32]:
        """Localize.

        Args:
            frames: (N, H, W, 3) uint8 RGB at any size.
            audio: (N, S) float32, the sound around each frame.
            sample_rate: of ``audio``, Hz.
            flow: (N, 224, 224) flow magnitude in native pixels; only IC and EN use it.

        Returns:
            (N, 224, 224) float32 in [0, 1].

        Raises:
            ValueError: an input is missing or has the wrong shape; the message says what was expected.
        """
        frames = np.asarray(frames)
        if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8:
            raise ValueError(f"frames: expected (N, H, W, 3) uint8 RGB, got {frames.shape} {frames.dtype}")
        if audio is None or sample_rate is None:
            raise ValueError(f"{self.name} needs audio (N, S) and its sample_rate")
        windows = fitted_sound(np.asarray(audio), sample_rate, self.protocol)
        motion = network_input(flow, self.protocol.flow_input) if self.needs_flow and flow is not None else None
        for name, array in (("audio", windows), ("flow", motion)):
            if array is not None and len(array) != len(frames):
                raise ValueError(f"{name}: expected {len(frames)} rows, one a frame, got {len(array)}")

        maps = np.empty((len(frames), MAP_SIZE, MAP_SIZE), np.float32)
        for start in range(0, len(frames), self.batch_size):
            rows = slice(start, start + self.batch_size)
            pictures = standardised(np.stack([resized(frame) for frame in frames[rows]]))
            maps[rows] = self._batch(pictures, windows[rows], None if motion is None else motion[rows])
        return maps

    def _batch(
        self,
        pictures: npt.NDArray[np.float32],
        windows: npt.NDArray[np.float32],
        motion: npt.NDArray[np.float32] | None,
    ) -> npt.NDArray[np.float32]:
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, dtype=self._dtype, enabled=self._dtype is not None),
        ):
            image = self._on_device(pictures)
            flow = None if motion is None else self._on_device(motion[:, None])
            embedding = self._encoders["audio_encoder"](self._on_device(windows))
            maps = clean(self._maps(image, flow, embedding))
        return np.asarray(maps.cpu().numpy())

    def _on_device(self, array: npt.NDArray[np.float32]) -> Tensor:
        tensor = torch.from_numpy(array).to(self.device)
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor

    def _maps(self, image: Tensor, flow: Tensor | None, embedding: Tensor) -> Tensor:
        return localization_map(self._encoders["image_encoder"](image), embedding)


class FlowGradIC(RCGrad):
    """FlowGrad-IC: flow is a fourth channel of the image encoder."""

    name = "flowgrad-ic"
    needs_flow = True

    def _maps(self, image: Tensor, flow: Tensor | None, embedding: Tensor) -> Tensor:
        assert flow is not None
        stacked = torch.cat((image, flow), dim=1).contiguous(memory_format=torch.channels_last)
        return localization_map(self._encoders["image_encoder"](stacked), embedding)


class FlowGradEN(RCGrad):
    """FlowGrad-EN: an encoder of its own for the flow; the map is the product of both encoders' maps."""

    name = "flowgrad-en"
    needs_flow = True

    def _maps(self, image: Tensor, flow: Tensor | None, embedding: Tensor) -> Tensor:
        seen = localization_map(self._encoders["image_encoder"](image), embedding)
        moved = localization_map(self._encoders["flow_encoder"](flow), embedding)
        return seen * moved
