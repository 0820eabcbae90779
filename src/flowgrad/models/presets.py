"""The presets of the rows without a network of their own, under the text of FlowGrad's paper and in its released code.

``Motion`` is the flow alone, ``Product`` is FlowGrad-H. docs/protocols.md explains each field.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Self

from pydantic import Field, model_validator

from flowgrad.constants import MAP_SIZE
from flowgrad.flow.forms import Scale
from flowgrad.flow.windows import LONGEST_S
from flowgrad.models.base import PRESETS, FlowSpec, Needs, Settings

FlowStorage = Literal["float16", "jpeg"]
FORM = {"float16": "magnitude", "jpeg": "magnitude_jpeg"}
"""The form of flow (:mod:`flowgrad.flow.forms`) that a preset names."""


class FlowOptions(Settings):
    """What is made of the flow before a model sees it: fields of every preset with flow as a magnitude."""

    flow_storage: FlowStorage = Field(
        "float16", description="flow magnitude in float, or rounded to whole pixels and stored as JPEG"
    )
    flow_seconds: float = Field(
        0.125, gt=0, le=LONGEST_S, description="flow is the mean of the pairs in so much time about the frame, s"
    )
    flow_camera: Literal["kept", "removed"] = Field(
        "kept", description="the motion of the whole picture is kept, or fitted and taken out"
    )
    flow_scale: Scale = Field(
        "linear", description="flow as it is, its square root, or clipped at the frame's own 95th percentile"
    )
    flow_smoothing: float = Field(
        0, ge=0, le=MAP_SIZE / 8, description="deviation of a Gaussian over the flow, pixels of the 224x224 map"
    )

    @model_validator(mode="after")
    def _has_direction(self) -> Self:
        if self.flow_camera == "removed" and self.flow_storage == "jpeg":
            raise ValueError("flow_camera: removed needs flow_storage: float16; JPEG keeps no direction")
        return self

    def flow_spec(self) -> FlowSpec:
        """Return the flow that these fields describe."""
        removed = self.flow_camera == "removed"
        return FlowSpec(
            form="signed" if removed else FORM[self.flow_storage],
            magnitude=removed,
            seconds=self.flow_seconds,
            camera=self.flow_camera,
            scale=self.flow_scale,
            smoothing=self.flow_smoothing,
        )


class Motion(FlowOptions):
    """The row ``flow``: the magnitude as the map."""

    normalise_maps: bool = True

    def needs(self) -> Needs:
        """Return the flow."""
        return Needs(flow=self.flow_spec())


class Product(FlowOptions):
    """FlowGrad-H: RCGrad's maps times the flow."""

    flow_in_product: Literal["min-max", "raw"] = Field(
        "min-max", description="flow factor of FlowGrad-H: normalised per frame, or raw magnitude"
    )

    def needs(self) -> Needs:
        """Return RCGrad's maps and the flow."""
        return Needs(flow=self.flow_spec(), maps_of="rcgrad")


class RobustMotion(Settings):
    """The row ``motion``: what moves without the camera, and is not background."""

    motion_smoothing: float = Field(
        3, ge=0, le=MAP_SIZE / 8, description="row motion: deviation of the Gaussian, pixels of the 224x224 map"
    )
    half_difference: float = Field(
        16, gt=0, le=255, description="row motion: a difference to the background that counts half, grey levels"
    )
    half_flow: float = Field(
        0.2, gt=0, le=MAP_SIZE, description="row motion: a flow that counts half, pixels of the 224x224 map per 1/8 s"
    )

    def needs(self) -> Needs:
        """Return the flow without the camera's motion, and the background."""
        return Needs(flow=FlowSpec("signed", magnitude=True, camera="removed", unit="map"), background=True)


class TimesMotion(RobustMotion):
    """A localizer's maps times ``motion``."""

    localizer: str = "rcgrad"
    share_of_localizer: float = Field(
        0.5, ge=0, le=1, description="row rcgrad-motion: 1 is the plain product, 0 is motion alone"
    )

    def needs(self) -> Needs:
        """Return the localizer's maps, the flow without the camera's motion, and the background."""
        return replace(super().needs(), maps_of=self.localizer)


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


ROBUST_FLOW = {"flow_seconds": 0.25, "flow_camera": "removed", "flow_scale": "root", "flow_smoothing": 4}
"""docs/motion.md has the effect of each."""
MOTION = {
    "paper": Motion(),
    "released": Motion(flow_storage="jpeg", normalise_maps=False),
    "robust": Motion.model_validate(ROBUST_FLOW),
}
PRODUCT = {
    "paper": Product(),
    "released": Product(flow_storage="jpeg", flow_in_product="raw"),
    "robust": Product.model_validate(ROBUST_FLOW),
}
ALL_BOXES: dict[str, Settings] = dict.fromkeys(PRESETS, AllBoxes())
MOVING_BOXES: dict[str, Settings] = dict.fromkeys(PRESETS, MovingBoxes())

ROBUST_MOTION: dict[str, Settings] = dict.fromkeys(PRESETS, RobustMotion())


def times_motion(localizer: str = "rcgrad") -> dict[str, Settings]:
    """Return the presets of a model that is another one's maps times ``motion``."""
    return dict.fromkeys(PRESETS, TimesMotion(localizer=localizer))
