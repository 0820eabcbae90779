"""The synthetic street: seeded videos with sound and exact annotations, in Urbansas layout (docs/streets.md)."""

from flowgrad.synthetic.annotate import VehicleBox, annotate, vehicle_boxes
from flowgrad.synthetic.clip import write_clip
from flowgrad.synthetic.dataset import clip_names, write_annotations, write_dataset
from flowgrad.synthetic.scene import Scene, make_scene
from flowgrad.synthetic.settings import StreetSettings

__all__ = [
    "Scene",
    "StreetSettings",
    "VehicleBox",
    "annotate",
    "clip_names",
    "make_scene",
    "vehicle_boxes",
    "write_annotations",
    "write_clip",
    "write_dataset",
]
