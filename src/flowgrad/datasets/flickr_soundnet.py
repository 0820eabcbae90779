"""``format: flickr-soundnet``: the Sound Localization Dataset of Flickr-SoundNet (Senocak et al., CVPR 2018).

::

    Annotations/{id}.xml    boxes of three annotators, in a frame of 256 by 256 pixels
    Data/, or frames/, audio/, flow/: see flowgrad.datasets.stills

Below the root of the XML lie elements that hold ``<bbox>`` elements; each of the former is taken for an annotator. Of a
box the first child is passed over, the other four are xmin, ymin, xmax, ymax. A pixel counts in full where two boxes
cover it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from xml.etree import ElementTree

from flowgrad.datasets.base import Region
from flowgrad.datasets.stills import Entry, Faults, Stills
from flowgrad.errors import InputError

FOLDER = "Annotations"
SIDE = 256
"""Pixels of the square frame that boxes are given in."""

EDGES = ("xmin", "ymin", "xmax", "ymax")


class FlickrSoundNet(Stills):
    """Flickr-SoundNet, or the part of it that a list names."""

    lists = (
        "flickr_test.csv",
        "flickr_test_trimmed.csv",
        "flickr_test_expanded.csv",
        "gtest.txt",
        "flickr_test_plus_silent.csv",
    )
    layout = "Annotations/ and Data/, or frames/ and audio/"
    agree = 2

    def entries(self, wanted: Collection[str] | None) -> Iterator[Entry]:
        """See :class:`flowgrad.datasets.stills.Stills`."""
        folder = self.root / FOLDER
        try:
            with os.scandir(folder) as found:
                files = sorted(file.name for file in found if not file.name.startswith("."))
        except FileNotFoundError as error:
            raise InputError(f"{folder}: not found; it holds the annotations, an XML file a clip") from error
        except OSError as error:
            raise InputError(f"{folder}: cannot be read: {error.strerror}") from error
        faults = Faults()
        for file in files:
            name, ending = os.path.splitext(file)
            if ending.lower() == ".xml" and (wanted is None or name in wanted):
                yield Entry(name, f"{FOLDER}/{file}", _regions(folder / file, faults))
        faults.raise_any()


def _regions(path: Path, faults: Faults) -> tuple[Region, ...]:
    """Return the boxes of a file; note what is wrong with it."""
    try:
        # the parser of the standard library loads no external entity, and limits how far internal ones expand
        root = ElementTree.fromstring(path.read_bytes())
    except OSError as error:
        faults.add("unreadable", f"{path}: cannot be read: {error.strerror}")
        return ()
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # the latter two: an encoding it does not know
        faults.add("no XML", f"{path}: is no XML that can be read: {error}")
        return ()
    annotators = [boxes for element in root if (boxes := element.findall("bbox"))]
    regions = []
    for annotator, boxes in enumerate(annotators):
        for number, box in enumerate(boxes, 1):
            values = [_number(element.text) for element in box][1:]
            if len(values) != len(EDGES) or any(map(math.isnan, values)):
                wanted = f"one element that is passed over, then the numbers {', '.join(EDGES)}"
                faults.add("bbox", f"{path}: <bbox> {number} of annotator {annotator + 1} does not hold {wanted}")
                continue
            x1, y1, x2, y2 = (value / SIDE for value in values)
            regions.append(Region(x1, y1, x2, y2, annotator))
    return tuple(regions)


def _number(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        return math.nan
