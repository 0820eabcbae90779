"""A dataset of stills: ``pictures/NAME.png``, ``sounds/NAME.wav`` and ``boxes.csv`` with fractions of the picture."""

import csv
from pathlib import Path

from flowgrad.datasets.base import Annotations, Clip, Region, Still
from flowgrad.datasets.registry import DatasetFormat


class Portraits:
    labelled = True

    def __init__(self, root: Path):
        self.root = root

    def problems(self):
        return [] if (self.root / "boxes.csv").is_file() else [f"{self.root / 'boxes.csv'} is not there"]

    def notes(self):
        return []

    def clips(self):
        names = sorted(path.stem for path in (self.root / "pictures").glob("*.png"))
        return [Clip(name, f"pictures/{name}.png", f"sounds/{name}.wav", still=Still()) for name in names]

    def annotations(self):
        found = {}
        with (self.root / "boxes.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                region = Region(*(float(row[name]) for name in ("x1", "y1", "x2", "y2")))
                found[row["name"]] = Annotations(regions=(region,))
        return found


PORTRAITS = DatasetFormat("portraits", Portraits)
