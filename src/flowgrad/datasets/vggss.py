"""``format: vggss``: VGG Sound Source (Chen et al., CVPR 2021), one frame a clip of VGG-Sound with its ten seconds.

::

    vggss.json    [{"file": "zpWuikVorYg_000032", "class": "elk bugling", "bbox": [[x1, y1, x2, y2], ...]}, ...], 0..1;
                  in the root, in metadata/ or in lists/
    frames/, audio/, flow/, video/: see flowgrad.datasets.stills

An id is that of the video and the second where the clip begins; files and lists may also have it in the spelling
``zpWuikVorYg_32000_42000``, by the milliseconds of beginning and end. The published file has boxes of no area and some
with a coordinate of -2.9e16: they are noted and, as in the released evaluations, cover nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any, ClassVar

from flowgrad.datasets.base import Region
from flowgrad.datasets.json_file import is_number, read_json
from flowgrad.datasets.split_list import find_table
from flowgrad.datasets.stills import Entry, Faults, Stills

FILE = "vggss.json"
MILLISECONDS = re.compile(r"([\w-]{11})_(\d+)_(\d+)")
LENGTH = 10_000
"""Milliseconds of every clip of VGG-Sound."""


class Vggss(Stills):
    """VGG-SS, or the part of it that a list names."""

    lists: ClassVar[tuple[str, ...]] = (
        "vggss_test.csv",
        "vggss_heard_test.csv",
        "vggss_unheard_test.csv",
        "vggss_test_trimmed.csv",
        "vggss_test_plus_silent.csv",
    )
    layout = "vggss.json, frames/ and audio/"
    agree = 1
    video_at_s: ClassVar[float | None] = LENGTH / 2000

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
        path = find_table(self.root, FILE)
        faults = Faults()
        for number, value in enumerate(read_json(path, list, "list of entries with the keys 'file' and 'bbox'"), 1):
            what = _fault(value)
            if what is not None:
                faults.add(what, f"{path}: entry {number} {what}")
                continue
            name = self.canonical(value["file"])
            if wanted is None or name in wanted:
                regions = tuple(Region(float(x1), float(y1), float(x2), float(y2)) for x1, y1, x2, y2 in value["bbox"])
                yield Entry(name, f"entry {number} of {FILE} ({name})", regions, value.get("class", ""))
        faults.raise_any()


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
    if not all(is_number(edge) for box in boxes for edge in box):
        return "has something else than numbers in a box"
    return None
