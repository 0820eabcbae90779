"""What of a run is laid over a moving picture: a panel for a row of maps, and the boxes of the detector."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from flowgrad.artifacts import ArtifactReader
from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.evaluation.base import ThresholdRule
from flowgrad.figures.beside import counted
from flowgrad.figures.boxes import BRIGHT, DIM, with_boxes
from flowgrad.figures.moving import Drawn, MapTrack, Panel
from flowgrad.figures.overlay import at_half

if TYPE_CHECKING:
    import pandas as pd

    from flowgrad.protocols import Threshold


def map_panel(
    reader: ArtifactReader, clip: str, name: str, rule: ThresholdRule | None = None, rules: Threshold | None = None
) -> Panel:
    """Return the panel of a row of maps.

    Args:
        reader: the row's heatmaps.
        clip: whose.
        name: of the row.
        rule: turns maps into masks; one that needs the truth outlines nothing.
        rules: those of the protocol; without a rule the outline is drawn at half of each map.
    """
    maps = MapTrack(reader, clip)
    if rule is None or rules is None:
        return Panel(name, maps, at_half)
    return Panel(name, maps, partial(counted, rule, rules.map_threshold, None), rules.normalise_maps)


def without_boxes(picture: npt.NDArray[np.uint8], seconds: float) -> npt.NDArray[np.uint8]:
    """Return a picture as it is."""
    return picture


def detected(table: pd.DataFrame, size: Callable[[], tuple[int, int]]) -> Drawn:
    """Return what draws the detections of a clip, those of the 8 fps frame that is on display.

    Standing boxes are dim, over them moving ones bright.

    Args:
        table: the clip's rows of the table of detections.
        size: gives width and height of the source frame, pixels; asked where there is a box.
    """
    by_frame = {int(str(number)): list(rows.itertuples(index=False)) for number, rows in table.groupby("frame")}
    if not by_frame:
        return without_boxes
    frame = size()

    def drawn(picture: npt.NDArray[np.uint8], seconds: float) -> npt.NDArray[np.uint8]:
        for moving, colour in ((0, DIM), (1, BRIGHT)):
            rows = [row for row in by_frame.get(int(seconds * FRAMES_PER_SECOND), ()) if row.moving == moving]
            boxes = [(row.x1, row.y1, row.x2 - row.x1, row.y2 - row.y1) for row in rows]
            if boxes:
                picture = with_boxes(picture, boxes, frame, colour, 1 + moving)
        return picture

    return drawn
