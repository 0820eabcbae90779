"""The presets of the rows without a network of their own, under the text of FlowGrad's paper and in its released code.

``Motion`` is the flow alone, ``Product`` is FlowGrad-H. docs/protocols.md explains each field.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from flowgrad.models.base import PRESETS, FlowSpec, Needs, Settings

FlowStorage = Literal["float16", "jpeg"]
FORM = {"float16": "magnitude", "jpeg": "magnitude_jpeg"}
"""The form of flow (:mod:`flowgrad.flow.forms`) that a preset names."""


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


MOTION = {
    "paper": Motion(),
    "released": Motion(flow_storage="jpeg", normalise_maps=False),
    "robust": Motion(),
}
PRODUCT = {
    "paper": Product(),
    "released": Product(flow_storage="jpeg", flow_in_product="raw"),
    "robust": Product(),
}
ALL_BOXES: dict[str, Settings] = dict.fromkeys(PRESETS, AllBoxes())
MOVING_BOXES: dict[str, Settings] = dict.fromkeys(PRESETS, MovingBoxes())
