"""Protocols: how inputs are prepared and how maps are scored, in parts that do not know each other.

The FlowGrad paper and the code released with it disagree in many places. A protocol names every such difference that
can change a figure, so that the two can be run side by side (docs/protocols.md explains each field). ``PAPER`` follows
the text of the paper (sections 2 and 3); ``RELEASED`` follows the released code, faults included; ``ROBUST`` is what we
recommend. More are written in the configuration under ``custom_protocols``.

What a model sees is said beside the model, in a preset of the protocol's name (``flowgrad.models.base``). A stage is
given the parts that it reads, by value: what it does not read cannot redo it.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from flowgrad.constants import FrameStorage
from flowgrad.errors import InputError

Raster = Literal["round", "truncate"]


class Part(BaseModel):
    """A part of a protocol; immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Detection(Part):
    """What the detector sees."""

    frame_storage: FrameStorage = Field("exact", description="frames as decoded, or after 8-bit JPEG (quality 95)")


class Stationary(Part):
    """Which detected boxes stand still."""

    stationary_iou: float = Field(0.95, gt=0, le=1, description="boxes that overlap more than this stand still")
    stationary_gap: int = Field(1, ge=1, le=80, description="frames between the two compared frames (8 a second)")
    stationary_drop: Literal["both", "first"] = Field(
        "both", description="of a standing pair drop both boxes, or only the earlier frame's"
    )


class GroundTruth(Part):
    """Which frames are scored, and which boxes on them count."""

    ground_truth: Literal["sounding", "any-visible", "by-track"] = Field(
        "sounding",
        description="boxes of the class that is heard, every visible box while anything is heard, or only the box of"
        " the vehicle that is heard, where that is known",
    )
    event_edges: Literal["closed", "open"] = Field(
        "closed", description="a frame exactly at a sound event's start or end counts, or does not"
    )
    boxes_past_edge: Literal["clip", "drop-negative"] = Field(
        "clip", description="clip boxes at the frame's edge, or drop those with a negative coordinate"
    )


class Threshold(Part):
    """How a map becomes a mask."""

    threshold: str = Field(
        "own",
        description="own: the rule of each model's own publication (fixed, for Hear The Flow median); or one rule for"
        " all: fixed, median, top-half, at-least-median, relative, tenth, adaptive",
    )
    map_threshold: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="rule fixed: a pixel counts when it is >= this; relative: when it is > this share of the highest",
    )
    normalise_maps: bool = Field(True, description="min-max normalise every map before the threshold")


class Boxes(Part):
    """How boxes become masks, and what a frame without detections scores."""

    box_raster: Raster = Field(
        "round", description="box edges rounded to the nearest pixel edge (never empty), or truncated"
    )
    topline_successor: Literal["any", "scored"] = Field(
        "any",
        description="scored: a frame whose successor is not itself scored with detections loses all its boxes",
    )
    no_detections: Literal["zero", "leave-out"] = Field(
        "zero", description="a frame without detections scores 0, or leaves the detector's denominator"
    )


class Protocol(BaseModel):
    """One way to prepare inputs and to score maps; immutable.

    Attributes:
        preset: the preset of every model: ``paper``, ``released`` or ``robust``.
        inputs: fields of the models' presets that are changed.
        detection: what the detector sees.
        stationary: which boxes stand still.
        ground_truth: which frames and boxes count.
        threshold: how a map becomes a mask.
        boxes: how boxes become masks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: str = "paper"
    inputs: dict[str, Any] = Field(default_factory=dict)
    detection: Detection = Detection()
    stationary: Stationary = Stationary()
    ground_truth: GroundTruth = GroundTruth()
    threshold: Threshold = Threshold()
    boxes: Boxes = Boxes()

    def changed(self, **fields: Any) -> Protocol:
        """Return the protocol with some fields changed, each in every part that has it.

        A name that no part has is taken for a field of the models' presets.

        >>> PAPER.changed(map_threshold=0.3).threshold.map_threshold
        0.3
        """
        parts = {}
        for name in PARTS:
            part = getattr(self, name)
            own = {key: value for key, value in fields.items() if key in type(part).model_fields}
            if own:
                parts[name] = type(part).model_validate(part.model_dump() | own)
        known = {key for part in PARTS.values() for key in part.model_fields}
        inputs = {key: value for key, value in fields.items() if key not in known or key in BOTH}
        return self.model_copy(update={**parts, "inputs": self.inputs | inputs})


PARTS: dict[str, type[Part]] = {
    "detection": Detection,
    "stationary": Stationary,
    "ground_truth": GroundTruth,
    "threshold": Threshold,
    "boxes": Boxes,
}
BOTH = frozenset({"frame_storage", "normalise_maps"})
"""Fields of a part that are fields of the models' presets, too."""

PAPER = Protocol()
"""What the text of the paper says."""

RELEASED = Protocol(
    preset="released",
    detection=Detection(frame_storage="jpeg"),
    stationary=Stationary(stationary_gap=4, stationary_drop="first"),
    ground_truth=GroundTruth(ground_truth="any-visible", event_edges="open", boxes_past_edge="drop-negative"),
    threshold=Threshold(normalise_maps=False),
    boxes=Boxes(box_raster="truncate", topline_successor="scored", no_detections="leave-out"),
)
"""What the released code computes, known faults included."""

ROBUST = Protocol(preset="robust")
"""What we recommend: scored as under ``PAPER``; what models see is chosen by its effect (docs/protocols.md)."""

BUILT_IN: dict[str, Protocol] = {"paper": PAPER, "released": RELEASED, "robust": ROBUST}


def get_protocol(protocol: str | Protocol) -> Protocol:
    """Return a built-in protocol by name, or the given one.

    Raises ``InputError`` with the known names for any other name.
    """
    if isinstance(protocol, Protocol):
        return protocol
    if protocol not in BUILT_IN:
        raise InputError(f"unknown protocol {protocol!r}: use one of {', '.join(BUILT_IN)}, or pass a Protocol")
    return BUILT_IN[protocol]
