"""RCGrad (Wu et al., Interspeech 2022) and the networks of FlowGrad-IC and -EN (FlowGrad paper, section 2.2)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import ModuleDict

from flowgrad.flow.magnitude import network_input
from flowgrad.models.base import Apart, Batch, Localize, Maps, Runtime
from flowgrad.models.inputs import standardised
from flowgrad.models.rcgrad.cam import joined
from flowgrad.models.rcgrad.encoders import (
    FlowInput,
    Sounds,
    build_encoders,
    load_encoders,
    use_clip_statistics,
)

if TYPE_CHECKING:
    from flowgrad.models.rcgrad import presets

WIDTH_OF_RANDOM = 16
"""Channels of the first stage of random weights: those of the networks that the demo trains."""


class RCGrad:
    """Maps of where the sound comes from: Grad-CAM of the audio embedding through the image encoder.

    Called with a batch, it returns (N, 224, 224) float32 in [0, 1].

    Args:
        checkpoint: file in the published layout, or the encoders themselves.
        settings: how the flow is prepared, how the audio encoder normalises, which map is made.
        runtime: device, and precision of the encoders' arithmetic; maps are float32 always.

    Raises:
        InputError: the checkpoint is absent or does not fit; the keys are listed.
    """

    name: ClassVar[str] = "rcgrad"
    method: ClassVar[str] = "rcgrad"
    """Whose checkpoint it is."""

    def __init__(self, checkpoint: Path | ModuleDict, settings: presets.RCGrad, runtime: Runtime):
        self.settings = settings
        self.device = torch.device(runtime.device)
        self._dtype = torch.bfloat16 if runtime.precision == "bfloat16" else None
        self._encoders = (
            checkpoint if isinstance(checkpoint, ModuleDict) else load_encoders(Path(checkpoint), self.method)
        )
        if settings.audio_batch_norm == "clip":
            use_clip_statistics(self._encoders["audio_encoder"])
        self._encoders.eval().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, batch: Batch) -> Maps:
        """Localize the sound in each frame of a batch."""
        apart = self.apart(batch)
        return joined(apart.seen, apart.heard, self.settings)

    def apart(self, batch: Batch) -> Apart:
        """Return the activations of a batch and the embeddings of its sound."""
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
    ) -> Apart:
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, dtype=self._dtype, enabled=self._dtype is not None),
        ):
            image = self._on_device(frames)
            flow = None if motion is None else self._on_device(motion[:, None])
            embedding = self._encoders["audio_encoder"](self._on_device(windows))
            seen = torch.stack(self._seen(image, flow), dim=1)
        if self.settings.cam == "difference":
            # each of length 1, so that a mean over clips counts each clip alike
            parts = F.normalize(embedding.float(), dim=1), F.normalize(self._mean_sound(embedding), dim=1)
            embedding = torch.cat(parts, dim=1)
        return Apart(np.asarray(seen.float().cpu().numpy()), np.asarray(embedding.float().cpu().numpy()))

    def _on_device(self, array: npt.NDArray[np.float32]) -> Tensor:
        tensor = torch.from_numpy(array).to(self.device)
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor

    def _mean_sound(self, like: Tensor) -> Tensor:
        """Return the mean embedding of the sounds that were learnt from, (N, C); zero where the file has none."""
        known = self._encoders["sounds"] if "sounds" in self._encoders else None  # noqa: SIM401
        return known.mean.expand(len(like), -1) if isinstance(known, Sounds) else torch.zeros_like(like).float()

    def _seen(self, image: Tensor, flow: Tensor | None) -> list[Tensor]:
        """Return the activations (N, C, h, w) whose maps are multiplied."""
        return [self._encoders["image_encoder"](image)]


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

    def _seen(self, image: Tensor, flow: Tensor | None) -> list[Tensor]:
        stacked = torch.cat((image, self._flow(flow)), dim=1).contiguous(memory_format=torch.channels_last)
        return [self._encoders["image_encoder"](stacked)]


class FlowGradEN(_WithFlow):
    """FlowGrad-EN: an encoder of its own for the flow; the map is the product of both encoders' maps."""

    name = method = "flowgrad-en"

    def _seen(self, image: Tensor, flow: Tensor | None) -> list[Tensor]:
        return [self._encoders["image_encoder"](image), self._encoders["flow_encoder"](self._flow(flow))]


class FlowGradENPicture(FlowGradEN):
    """One factor of FlowGrad-EN: the map of its image encoder."""

    name = "flowgrad-en-picture"

    def _seen(self, image: Tensor, flow: Tensor | None) -> list[Tensor]:
        return [self._encoders["image_encoder"](image)]


class FlowGradENFlow(FlowGradEN):
    """The other factor of FlowGrad-EN: the map of its flow encoder."""

    name = "flowgrad-en-flow"

    def _seen(self, image: Tensor, flow: Tensor | None) -> list[Tensor]:
        return [self._encoders["flow_encoder"](self._flow(flow))]


def random_weights(checkpoint: Path | None, settings: presets.RCGrad, runtime: Runtime) -> Localize:
    """Return RCGrad with narrow encoders as they are before any training, drawn from seed 0: a control."""
    torch.manual_seed(0)
    return RCGrad(build_encoders(RCGrad.name, WIDTH_OF_RANDOM), settings, runtime)
