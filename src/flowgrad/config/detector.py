"""Section ``detector``: the YOLO detector of the vision-only rows."""

from __future__ import annotations

from pydantic import Field, field_validator

from flowgrad.config.base import GivenName, Strict
from flowgrad.detection.base import CLASSES


class DetectorConfig(Strict):
    """The YOLO detector of the vision-only rows."""

    weights: GivenName = Field(
        "yolov8n.pt",
        description="a path, a file name in the weights folder, streets-detector.pt (it comes with flowgrad),"
        " or (with rendered streets) 'trained'",
    )
    image_size: int = Field(640, ge=32, le=4096, multiple_of=32, description="longer side of its input, pixels")
    confidence: float = Field(0.25, ge=0, le=1, description="detections below are dropped")
    iou: float = Field(0.7, gt=0, le=1, description="overlap at which non-maximum suppression drops the weaker box")
    classes: dict[str, list[str]] = Field(
        default_factory=dict,
        description="what the weights call a vehicle, by label (car, motorcycle, bus, truck); a label without an entry"
        " goes by its usual names, and one with an empty list is not looked for",
        json_schema_extra={"propertyNames": {"enum": list(CLASSES)}},
    )

    @field_validator("classes")
    @classmethod
    def _classes_are_vehicles(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        for label in value:
            if label not in CLASSES:
                raise ValueError(f"detector.classes.{label}: unknown key; known: {', '.join(CLASSES)}")
        names = [name for given in value.values() for name in given]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"detector.classes: {name!r} is named twice; a name of the weights has one label")
        # one order: nothing is redone because a file lists them in another
        return {label: sorted(value[label]) for label in CLASSES if label in value}
