"""The classes of annotated vehicles and sounds: one spelling each."""

from __future__ import annotations

import difflib

CLASSES = ("car", "bus", "truck", "motorbike")
"""The classes of Urbansas (its table of the sound events and that of the boxes name the same)."""

OFF_SCREEN = "offscreen"
NONE = "-1"
"""The label of a row that holds no box, or no sound event."""

SPELLINGS = {
    "cars": "car",
    "buses": "bus",
    "busses": "bus",
    "trucks": "truck",
    "motorbikes": "motorbike",
    "motorcycle": "motorbike",
    "motorcycles": "motorbike",
    "off-screen": OFF_SCREEN,
    "off screen": OFF_SCREEN,
    "-1.0": NONE,
}
"""Other ways to write a label, in lower case."""


def canonical(label: str) -> str:
    """Return a label in the one spelling that labels are compared in; a class of one's own stays, in lower case.

    >>> canonical(" Motorcycles "), canonical("Tram")
    ('motorbike', 'tram')
    """
    text = " ".join(label.lower().split())
    return SPELLINGS.get(text, text)


def is_known(label: str) -> bool:
    """Return whether a canonical label is a class of Urbansas, or one of its words for none."""
    return label in CLASSES or label in (OFF_SCREEN, NONE)


def near(label: str) -> str | None:
    """Return the known class that an unknown canonical label looks like; None where there is none.

    >>> near("buss"), near("tram")
    ('bus', None)
    """
    found = difflib.get_close_matches(label, (*CLASSES, OFF_SCREEN, *SPELLINGS), n=1)
    return canonical(found[0]) if found else None
