"""Protocols: how inputs are prepared and how maps are scored.

The FlowGrad paper and the code released with it disagree in many places. A protocol is one small object that names
every such difference that can change a figure, so that the two can be run side by side (docs/protocols.md explains
each field). ``PAPER`` follows the text of the paper (sections 2 and 3); ``RELEASED`` follows the released code,
faults included. A third is written in the configuration under ``custom_protocols``.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from flowgrad.errors import InputError

FRAMES_PER_SECOND = 8
"""Every artifact counts frames at this rate (paper, section 3, "Optical Flow")."""

MAP_SIZE = 224
"""Side of every localization map, in pixels."""

FrameStorage = Literal["exact", "jpeg"]
FlowStorage = Literal["float16", "jpeg"]


class Protocol(BaseModel):
    """One way to prepare inputs and to score maps; immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # what the models see
    sample_rate: int = Field(16000, ge=1000, le=192000, description="rate of the sound, Hz")
    sound_seconds: float = Field(5.0, gt=0, le=60, description="length of the sound centred on a frame, s")
    sound_bits: Literal["float", "16"] = Field("float", description="float samples, or rounded to 16 bits")
    audio_batch_norm: Literal["running", "clip"] = Field(
        "running",
        description="BatchNorm of the audio encoder: running statistics, or those of the sample itself",
    )
    frame_storage: FrameStorage = Field("exact", description="frames as decoded, or after 8-bit JPEG (quality 95)")
    flow_storage: FlowStorage = Field(
        "float16", description="flow magnitude in float, or rounded to whole pixels and stored as JPEG"
    )
    flow_input: Literal["float", "wrap"] = Field(
        "float",
        description="(magnitude + 5) / 200 for IC and EN in float, or in 8 bits where 251..255 wrap to 0..4",
    )
    # how maps are made
    flow_in_product: Literal["min-max", "raw"] = Field(
        "min-max", description="flow factor of FlowGrad-H: normalised per frame, or raw magnitude"
    )
    normalise_maps: bool = Field(True, description="min-max normalise every map before the threshold")
    map_threshold: float = Field(0.5, gt=0, lt=1, description="a pixel of a map counts when it is >= this")
    # moving vehicles
    stationary_iou: float = Field(0.95, gt=0, le=1, description="boxes that overlap more than this stand still")
    stationary_gap: int = Field(1, ge=1, le=80, description="frames between the two compared frames (8 a second)")
    stationary_drop: Literal["both", "first"] = Field(
        "both", description="of a standing pair drop both boxes, or only the earlier frame's"
    )
    topline_successor: Literal["any", "scored"] = Field(
        "any",
        description="scored: a frame whose successor is not itself scored with detections loses all its boxes",
    )
    # ground truth
    ground_truth: Literal["sounding", "any-visible"] = Field(
        "sounding",
        description="boxes of the class that is heard, or every visible box while anything is heard",
    )
    event_edges: Literal["closed", "open"] = Field(
        "closed", description="a frame exactly at a sound event's start or end counts, or does not"
    )
    boxes_past_edge: Literal["clip", "drop-negative"] = Field(
        "clip", description="clip boxes at the frame's edge, or drop those with a negative coordinate"
    )
    box_raster: Literal["round", "truncate"] = Field(
        "round", description="box edges rounded to the nearest pixel edge (never empty), or truncated"
    )
    # figures
    no_detections: Literal["zero", "leave-out"] = Field(
        "zero", description="a frame without detections scores 0, or leaves the detector's denominator"
    )


PAPER = Protocol()
"""What the text of the paper says."""

RELEASED = Protocol(
    sample_rate=22050,
    sound_seconds=1.0,
    sound_bits="16",
    audio_batch_norm="clip",
    frame_storage="jpeg",
    flow_storage="jpeg",
    flow_input="wrap",
    flow_in_product="raw",
    normalise_maps=False,
    stationary_gap=4,
    stationary_drop="first",
    topline_successor="scored",
    ground_truth="any-visible",
    event_edges="open",
    boxes_past_edge="drop-negative",
    box_raster="truncate",
    no_detections="leave-out",
)
"""What the released code computes, known faults included."""

BUILT_IN: dict[str, Protocol] = {"paper": PAPER, "released": RELEASED}


def get_protocol(protocol: str | Protocol) -> Protocol:
    """Return a built-in protocol by name, or the given one.

    Raises ``InputError`` with the known names for any other name.
    """
    if isinstance(protocol, Protocol):
        return protocol
    if protocol not in BUILT_IN:
        raise InputError(f"unknown protocol {protocol!r}: use one of {', '.join(BUILT_IN)}, or pass a Protocol")
    return BUILT_IN[protocol]
