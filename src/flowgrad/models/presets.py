"""The presets of FlowGrad's rows: what they see under the text of the paper and in the released code.

``RCGrad`` is that of RCGrad, ``FlowGrad`` adds flow (IC and EN), ``Product`` is FlowGrad-H, ``Motion`` the flow alone.
docs/protocols.md explains each field.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from flowgrad.constants import FrameStorage
from flowgrad.models.base import AudioSpec, FlowSpec, FrameSpec, Needs, Settings
from flowgrad.models.window import SAMPLE_RATE, SECONDS

FlowStorage = Literal["float16", "jpeg"]
FORM = {"float16": "magnitude", "jpeg": "magnitude_jpeg"}
"""The form of flow (:mod:`flowgrad.flow.forms`) that a preset names."""


class RCGrad(Settings):
    """RCGrad: a frame and the sound around it."""

    sample_rate: int = Field(SAMPLE_RATE, ge=1000, le=192000, description="rate of the audio, Hz")
    audio_seconds: float = Field(SECONDS, gt=0, le=60, description="length of the audio centred on a frame, s")
    audio_bits: Literal["float", "16"] = Field("float", description="float samples, or rounded to 16 bits")
    audio_batch_norm: Literal["running", "clip"] = Field(
        "running",
        description="BatchNorm of the audio encoder: running statistics, or those of the sample itself",
    )
    frame_storage: FrameStorage = Field("exact", description="frames as decoded, or after 8-bit JPEG (quality 95)")

    def needs(self) -> Needs:
        """Return a frame and the sound around it."""
        return Needs(
            frames=FrameSpec(storage=self.frame_storage),
            audio=AudioSpec(self.sample_rate, self.audio_seconds, self.audio_bits),
        )


class FlowGrad(RCGrad):
    """FlowGrad-IC and -EN: the flow, too."""

    flow_storage: FlowStorage = Field(
        "float16", description="flow magnitude in float, or rounded to whole pixels and stored as JPEG"
    )
    flow_input: Literal["float", "wrap"] = Field(
        "float",
        description="(magnitude + 5) / 200 for IC and EN in float, or in 8 bits where 251..255 wrap to 0..4",
    )

    def needs(self) -> Needs:
        """Return a frame, the sound around it and the flow."""
        seen = super().needs()
        return Needs(frames=seen.frames, audio=seen.audio, flow=FlowSpec(FORM[self.flow_storage]))


class Motion(Settings):
    """The row ``flow``: the magnitude as the map."""

    flow_storage: FlowStorage = "float16"
    normalise_maps: bool = True

    def needs(self) -> Needs:
        """Return the flow."""
        return Needs(flow=FlowSpec(FORM[self.flow_storage]))


class Product(Settings):
    """FlowGrad-H: RCGrad's maps times the flow."""

    flow_storage: FlowStorage = "float16"
    flow_in_product: Literal["min-max", "raw"] = Field(
        "min-max", description="flow factor of FlowGrad-H: normalised per frame, or raw magnitude"
    )

    def needs(self) -> Needs:
        """Return RCGrad's maps and the flow."""
        return Needs(flow=FlowSpec(FORM[self.flow_storage]), maps_of="rcgrad")


class AllBoxes(Settings):
    """Every detected vehicle."""

    def needs(self) -> Needs:
        """Return all boxes."""
        return Needs(boxes="all")


class MovingBoxes(Settings):
    """The detected vehicles that move."""

    def needs(self) -> Needs:
        """Return the moving boxes."""
        return Needs(boxes="moving")


_RELEASED_AUDIO = {"sample_rate": 22050, "audio_seconds": 1.0, "audio_bits": "16", "audio_batch_norm": "clip"}

RCGRAD = {
    "paper": RCGrad(),
    "released": RCGrad.model_validate({**_RELEASED_AUDIO, "frame_storage": "jpeg"}),
}
FLOWGRAD = {
    "paper": FlowGrad(),
    "released": FlowGrad.model_validate(
        {**_RELEASED_AUDIO, "frame_storage": "jpeg", "flow_storage": "jpeg", "flow_input": "wrap"}
    ),
}
MOTION = {"paper": Motion(), "released": Motion(flow_storage="jpeg", normalise_maps=False)}
PRODUCT = {"paper": Product(), "released": Product(flow_storage="jpeg", flow_in_product="raw")}
ALL_BOXES = {"paper": AllBoxes(), "released": AllBoxes()}
MOVING_BOXES = {"paper": MovingBoxes(), "released": MovingBoxes()}
