"""Which of a detector's classes are vehicles, whatever the detector calls them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from flowgrad.detection.base import CLASSES
from flowgrad.errors import InputError

USUAL_NAMES = {
    "car": ("car", "cars"),
    "motorcycle": ("motorcycle", "motorcycles", "motorbike", "motorbikes"),
    "bus": ("bus", "buses"),
    "truck": ("truck", "trucks"),
}
"""What detectors call the vehicles; upper and lower case are one."""
LISTED = 100


def vehicle_labels(weights: Path, names: Mapping[int, str], classes: Mapping[str, Sequence[str]]) -> dict[int, str]:
    """Return the labels of the classes that are vehicles, by the classes' numbers.

    Args:
        weights: the file, to be named.
        names: what it calls its classes, by number.
        classes: the file's names of a vehicle, by the label; a label without an entry goes by its usual names.

    Raises:
        InputError: the weights do not know a name, or no vehicle at all.
    """
    for label, given in classes.items():
        unknown = [name for name in given if name not in names.values()]
        if unknown:
            raise InputError(
                f"{weights}: has no class {_quoted(unknown)} (detector.classes.{label}); it has"
                f" {_quoted(names.values())}"
            )
    own = {name: label for label, given in classes.items() for name in given}
    usual = {name: label for label in CLASSES if label not in classes for name in USUAL_NAMES[label]}
    found = {number: own.get(name) or usual.get(name.strip().casefold()) for number, name in names.items()}
    labels = {number: label for number, label in found.items() if label is not None}
    if not labels:
        raise InputError(
            f"{weights}: has no class for a {', '.join(CLASSES[:-1])} or {CLASSES[-1]} by a usual name; say with"
            f" detector.classes, such as {{car: [NAME]}}, which of these are vehicles: {_quoted(names.values())}"
        )
    return labels


def _quoted(names: Iterable[str]) -> str:
    known = [repr(name) for name in names]
    return ", ".join(known[:LISTED]) + (f" and {len(known) - LISTED} more" if len(known) > LISTED else "")
