"""RCGrad (Wu et al., Interspeech 2022) and the networks of FlowGrad-IC and -EN (FlowGrad paper, section 2.2)."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy.typing as npt
import torch
from torch.nn import ModuleDict

from flowgrad.flow.magnitude import network_input
from flowgrad.models.base import Apart, Batch, Localize, Maps, Runtime
from flowgrad.models.calibration import moments
from flowgrad.models.engine import compute
from flowgrad.models.rcgrad import presets
from flowgrad.models.rcgrad.cam import joined
from flowgrad.models.rcgrad.encoders import build_encoders, load_encoders, use_clip_statistics
from flowgrad.models.rcgrad.network import Network, Views, with_spectrograms

WIDTH_OF_RANDOM = 16
"""Channels of the first stage of random weights: those of the networks that the demo trains."""


class RCGrad:
    """Maps of where the sound comes from: Grad-CAM of the audio embedding through the image encoder.

    Called with a batch, it returns (N, 224, 224) float32 in [0, 1].

    Args:
        checkpoint: file in the published layout, or the encoders themselves.
        settings: how the flow is prepared, how the audio encoder normalises, which map is made.
        runtime: device, engine, and precision of the encoders' arithmetic; maps are float32 always.

    Raises:
        InputError: the checkpoint is absent or does not fit; the keys are listed.
    """

    name: ClassVar[str] = "rcgrad"
    method: ClassVar[str] = "rcgrad"
    """Whose checkpoint it is."""
    views: ClassVar[Views] = MappingProxyType({"image_encoder": ("frames",)})
    """The encoders whose maps are multiplied, and what they look at."""

    def __init__(self, checkpoint: Path | ModuleDict, settings: presets.RCGrad, runtime: Runtime):
        self.settings = settings
        encoders = checkpoint if isinstance(checkpoint, ModuleDict) else load_encoders(Path(checkpoint), self.method)
        if settings.audio_batch_norm == "clip":
            use_clip_statistics(encoders["audio_encoder"])
        self.network = Network(encoders, self.views, settings.cam)
        self._compute = compute(
            self.network, runtime, with_spectrograms, lambda: self._given(moments(settings.needs()))
        )

    def __call__(self, batch: Batch) -> Maps:
        """Localize the sound in each frame of a batch."""
        apart = self.apart(batch)
        return joined(apart.seen, apart.heard, self.settings)

    def apart(self, batch: Batch) -> Apart:
        """Return the activations of a batch and the embeddings of its sound."""
        return Apart(*self._compute(*self._given(batch)))

    def _given(self, batch: Batch) -> list[npt.NDArray[Any]]:
        assert batch.audio is not None, self.name
        assert batch.frames is not None, self.name
        given: dict[str, npt.NDArray[Any]] = {"frames": batch.frames}
        if isinstance(self.settings, presets.FlowGrad):
            assert batch.flow is not None, self.name
            given["flow"] = network_input(batch.flow, self.settings.flow_input)
        return [batch.audio, *(given[name] for name in self.network.inputs)]


class FlowGradIC(RCGrad):
    """FlowGrad-IC: flow is a fourth channel of the image encoder."""

    name = method = "flowgrad-ic"
    views = MappingProxyType({"image_encoder": ("frames", "flow")})


class FlowGradEN(RCGrad):
    """FlowGrad-EN: an encoder of its own for the flow; the map is the product of both encoders' maps."""

    name = method = "flowgrad-en"
    views = MappingProxyType({"image_encoder": ("frames",), "flow_encoder": ("flow",)})


class FlowGradENPicture(FlowGradEN):
    """One factor of FlowGrad-EN: the map of its image encoder."""

    name = "flowgrad-en-picture"
    views = MappingProxyType({"image_encoder": ("frames",)})


class FlowGradENFlow(FlowGradEN):
    """The other factor of FlowGrad-EN: the map of its flow encoder."""

    name = "flowgrad-en-flow"
    views = MappingProxyType({"flow_encoder": ("flow",)})


def random_weights(checkpoint: Path | None, settings: presets.RCGrad, runtime: Runtime) -> Localize:
    """Return RCGrad with narrow encoders as they are before any training, drawn from seed 0: a control."""
    torch.manual_seed(0)
    return RCGrad(build_encoders(RCGrad.name, WIDTH_OF_RANDOM), settings, runtime)
