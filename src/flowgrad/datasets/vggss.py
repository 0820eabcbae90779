"""``format: vggss``: VGG Sound Source (Chen et al., CVPR 2021), one frame a clip of VGG-Sound with its ten seconds.

::

    vggss.json    [{"file": "zpWuikVorYg_000032", "class": "elk bugling", "bbox": [[x1, y1, x2, y2], ...]}, ...], 0..1;
                  in the root, in metadata/ or in lists/
    frames/, audio/, flow/: see flowgrad.datasets.stills

An id is that of the video and the second where the clip begins; files and lists may also have it in the spelling
``zpWuikVorYg_32000_42000``, by the milliseconds of beginning and end. The published file has boxes of no area and some
with a coordinate of -2.9e16: they are noted and, as in the released evaluations, cover nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from flowgrad.datasets.base import Region
from flowgrad.datasets.split_list import PLACES
from flowgrad.datasets.stills import Entry, Faults, Stills
from flowgrad.errors import InputError

FILE = "vggss.json"
MILLISECONDS = re.compile(r"([\w-]{11})_(\d+)_(\d+)")
LENGTH = 10_000
"""Milliseconds of every clip of VGG-Sound."""


class Vggss(Stills):
    """VGG-SS, or the part of it that a list names."""

    lists = ("vggss_test.csv", "vggss_heard_test.csv", "vggss_unheard_test.csv", "vggss_test_trimmed.csv")
    layout = "vggss.json, frames/ and audio/"
    agree = 1

    @staticmethod
    def canonical(name: str) -> str:
        """Return an id by the second where its clip begins.

        >>> Vggss.canonical("zpWuikVorYg_32000_42000"), Vggss.canonical("zpWuikVorYg_000032")
        ('zpWuikVorYg_000032', 'zpWuikVorYg_000032')
        """
        found = MILLISECONDS.fullmatch(name)
        if found is None or int(found[3]) - int(found[2]) != LENGTH:
            return name
        return f"{found[1]}_{int(found[2]) // 1000:06d}"

    def entries(self, wanted: Collection[str] | None) -> Iterator[Entry]:
        """See :class:`flowgrad.datasets.stills.Stills`."""
        path = next((path for place in PLACES if (path := self.root / place / FILE).is_file()), self.root / FILE)
        faults = Faults()
        for number, value in enumerate(_read(path), 1):
            what = _fault(value)
            if what is not None:
                faults.add(what, f"{path}: entry {number} {what}")
                continue
            name = self.canonical(value["file"])
            if wanted is None or name in wanted:
                regions = tuple(Region(float(x1), float(y1), float(x2), float(y2)) for x1, y1, x2, y2 in value["bbox"])
                yield Entry(name, f"entry {number} of {FILE} ({name})", regions, value.get("class", ""))
        faults.raise_any()


def _read(path: Path) -> list[Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        places = " or ".join(PLACES[1:])
        raise InputError(f"{path}: file not found, nor in {places} below it; it belongs to the dataset") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: is no JSON: line {error.lineno}, column {error.colno}: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text in UTF-8") from error
    if not isinstance(value, list):
        raise InputError(f"{path}: is no list of entries with the keys 'file' and 'bbox'")
    return value


def _fault(entry: Any) -> str | None:
    """Return what is wrong with an entry, None where nothing is."""
    if not isinstance(entry, dict):
        return "is no object with the keys 'file' and 'bbox'"
    for key in ("file", "bbox"):
        if key not in entry:
            return f"has no key {key!r}"
    if not isinstance(entry["file"], str) or not entry["file"]:
        return "has something else than an id under 'file'"
    if not isinstance(entry.get("class", ""), str):
        return "has something else than text under 'class'"
    boxes = entry["bbox"]
    if not isinstance(boxes, list) or not all(isinstance(box, list) and len(box) == 4 for box in boxes):
        return "has something else than lists of x1, y1, x2, y2 under 'bbox'"
    if not all(_is_number(edge) for box in boxes for edge in box):
        return "has something else than numbers in a box"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
