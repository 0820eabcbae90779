"""RCGrad (Wu et al., Interspeech 2022) and the networks of FlowGrad-IC and -EN (FlowGrad paper, section 2.2)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from flowgrad.flow.magnitude import network_input
from flowgrad.models.base import Batch, Maps, Runtime
from flowgrad.models.inputs import standardised
from flowgrad.models.rcgrad.cam import clean, localization_map
from flowgrad.models.rcgrad.encoders import FlowInput, load_encoders, use_clip_statistics

if TYPE_CHECKING:
    from flowgrad.models.rcgrad import presets


class RCGrad:
    """Maps of where the sound comes from: Grad-CAM of the audio embedding through the image encoder.

    Called with a batch, it returns (N, 224, 224) float32 in [0, 1].

    Args:
        checkpoint: file in the published layout.
        settings: how the flow is prepared, how the audio encoder normalises, which map is made.
        runtime: device, and precision of the encoders' arithmetic; maps are float32 always.

    Raises:
        InputError: the checkpoint is absent or does not fit; the keys are listed.
    """

    name: ClassVar[str] = "rcgrad"
    method: ClassVar[str] = "rcgrad"
    """Whose checkpoint it is."""

    def __init__(self, checkpoint: Path, settings: presets.RCGrad, runtime: Runtime):
        self.settings = settings
        self.device = torch.device(runtime.device)
        self._dtype = torch.bfloat16 if runtime.precision == "bfloat16" else None
        self._encoders = load_encoders(Path(checkpoint), self.method)
        if settings.audio_batch_norm == "clip":
            use_clip_statistics(self._encoders["audio_encoder"])
        self._encoders.eval().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, batch: Batch) -> Maps:
        """Localize the sound in each frame of a batch."""
        assert batch.frames is not None, self.name
        assert batch.audio is not None, self.name
        return self._batch(standardised(batch.frames), batch.audio, self._motion(batch))

    def _motion(self, batch: Batch) -> npt.NDArray[np.float32] | None:
        return None

    def _batch(
        self,
        frames: npt.NDArray[np.float32],
        windows: npt.NDArray[np.float32],
        motion: npt.NDArray[np.float32] | None,
    ) -> npt.NDArray[np.float32]:
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, dtype=self._dtype, enabled=self._dtype is not None),
        ):
            image = self._on_device(frames)
            flow = None if motion is None else self._on_device(motion[:, None])
            embedding = self._encoders["audio_encoder"](self._on_device(windows))
            maps = clean(self._maps(image, flow, embedding))
        return np.asarray(maps.cpu().numpy())

    def _on_device(self, array: npt.NDArray[np.float32]) -> Tensor:
        tensor = torch.from_numpy(array).to(self.device)
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor

    def _maps(self, image: Tensor, flow: Tensor | None, embedding: Tensor) -> Tensor:
        return self._map(self._encoders["image_encoder"](image), embedding)

    def _map(self, activations: Tensor, embedding: Tensor) -> Tensor:
        return localization_map(activations, embedding, self.settings.cam)


class _WithFlow(RCGrad):
    settings: presets.FlowGrad

    def _motion(self, batch: Batch) -> npt.NDArray[np.float32] | None:
        assert batch.flow is not None, self.name
        return network_input(batch.flow, self.settings.flow_input)

    def _flow(self, flow: Tensor | None) -> Tensor:
        """Return the flow as the checkpoint's network was trained to see it."""
        assert flow is not None, self.name
        scaled = self._encoders["flow_input"] if "flow_input" in self._encoders else None  # noqa: SIM401
        return scaled.of_published(flow) if isinstance(scaled, FlowInput) else flow


class FlowGradIC(_WithFlow):
    """FlowGrad-IC: flow is a fourth channel of the image encoder."""

    name = method = "flowgrad-ic"

    def _maps(self, image: Tensor, flow: Tensor | None, embedding: Tensor) -> Tensor:
        stacked = torch.cat((image, self._flow(flow)), dim=1).contiguous(memory_format=torch.channels_last)
        return self._map(self._encoders["image_encoder"](stacked), embedding)


class FlowGradEN(_WithFlow):
    """FlowGrad-EN: an encoder of its own for the flow; the map is the product of both encoders' maps."""

    name = method = "flowgrad-en"

    def _maps(self, image: Tensor, flow: Tensor | None, embedding: Tensor) -> Tensor:
        return self._picture_map(image, embedding) * self._flow_map(flow, embedding)

    def _picture_map(self, image: Tensor, embedding: Tensor) -> Tensor:
        return self._map(self._encoders["image_encoder"](image), embedding)

    def _flow_map(self, flow: Tensor | None, embedding: Tensor) -> Tensor:
        return self._map(self._encoders["flow_encoder"](self._flow(flow)), embedding)


class FlowGradENPicture(FlowGradEN):
    """One factor of FlowGrad-EN: the map of its image encoder."""

    name = "flowgrad-en-picture"

    def _maps(self, image: Tensor, flow: Tensor | None, embedding: Tensor) -> Tensor:
        return self._picture_map(image, embedding)


class FlowGradENFlow(FlowGradEN):
    """The other factor of FlowGrad-EN: the map of its flow encoder."""

    name = "flowgrad-en-flow"

    def _maps(self, image: Tensor, flow: Tensor | None, embedding: Tensor) -> Tensor:
        return self._flow_map(flow, embedding)
