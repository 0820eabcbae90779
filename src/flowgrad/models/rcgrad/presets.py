"""The presets of RCGrad, FlowGrad-IC and FlowGrad-EN: what they see by the text of the papers and in the released code.

``RCGrad`` is that of RCGrad, ``FlowGrad`` adds flow (IC and EN). docs/protocols.md explains each field.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from flowgrad.constants import FrameStorage
from flowgrad.models.base import AudioSpec, FrameSpec, Needs, Settings
from flowgrad.models.presets import FlowOptions
from flowgrad.models.window import SAMPLE_RATE, SECONDS

Cam = Literal["raw", "cosine", "difference"]


class RCGrad(Settings):
    """RCGrad: a frame and the sound around it."""

    sample_rate: int = Field(SAMPLE_RATE, ge=1000, le=192000, description="rate of the audio, Hz")
    audio_seconds: float = Field(SECONDS, gt=0, le=60, description="length of the audio centred on a frame, s")
    audio_bits: Literal["float", "16"] = Field("float", description="float samples, or rounded to 16 bits")
    audio_batch_norm: Literal["running", "clip"] = Field(
        "running",
        description="BatchNorm of the audio encoder: running statistics, or those of the sample itself",
    )
    cam: Cam = Field(
        "raw",
        description="the map: the papers' gradient map, the cosine of picture and sound at every place, or the gradient"
        " map of the sound less the mean of all sounds",
    )
    frame_storage: FrameStorage = Field("exact", description="frames as decoded, or after 8-bit JPEG (quality 95)")

    def needs(self) -> Needs:
        """Return a frame and the sound around it."""
        return Needs(
            frames=FrameSpec(storage=self.frame_storage),
            audio=AudioSpec(self.sample_rate, self.audio_seconds, self.audio_bits),
        )


class FlowGrad(RCGrad, FlowOptions):
    """FlowGrad-IC and -EN: the flow, too."""

    flow_input: Literal["float", "wrap"] = Field(
        "float",
        description="(magnitude + 5) / 200 for IC and EN in float, or in 8 bits where 251..255 wrap to 0..4",
    )

    def needs(self) -> Needs:
        """Return a frame, the sound around it and the flow."""
        return replace(super().needs(), flow=self.flow_spec())


_RELEASED_AUDIO = {"sample_rate": 22050, "audio_seconds": 1.0, "audio_bits": "16", "audio_batch_norm": "clip"}

RCGRAD = {
    "paper": RCGrad(),
    "released": RCGrad.model_validate({**_RELEASED_AUDIO, "frame_storage": "jpeg"}),
    "robust": RCGrad(cam="difference"),
}
FLOWGRAD = {
    "paper": FlowGrad(),
    "released": FlowGrad.model_validate(
        {**_RELEASED_AUDIO, "frame_storage": "jpeg", "flow_storage": "jpeg", "flow_input": "wrap"}
    ),
    "robust": FlowGrad(cam="difference"),
}
