"""Stage ``overlays``: a video of a clip with what a run found in it, all rows of a protocol side by side."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flowgrad import artifacts, media
from flowgrad.errors import MediaError
from flowgrad.evaluation.base import ThresholdRule
from flowgrad.figures.moving import Panel, heard_of, write_film
from flowgrad.figures.overlay import at_half
from flowgrad.figures.panels import detected, map_panel, without_boxes
from flowgrad.file_names import stem_of
from flowgrad.schemas.boxes import DETECTIONS
from flowgrad.schemas.heatmaps import HEATMAPS
from flowgrad.shard import read_shard

if TYPE_CHECKING:
    from flowgrad.protocols import Threshold

log = logging.getLogger(__name__)


def run(
    *,
    shard_in: Path,
    root: Path,
    clips: Collection[str],
    rules: Threshold,
    thresholds: Mapping[str, ThresholdRule],
    maps_in: Mapping[str, Path],
    detections_in: Path | None,
    out: Path,
) -> None:
    """Write the videos of some clips of a shard beside ``out``, as ``CLIP.mp4``.

    A still, and a clip that nothing was found in, has no video; the log says so.

    Args:
        shard_in: the shard's file.
        root: the dataset's folder.
        clips: those that get a video.
        rules: how the protocol turns maps into masks.
        thresholds: the rule of each row of maps; a panel each, in this order.
        maps_in: heatmap artifacts by row.
        detections_in: detection table, whose boxes are drawn on every panel; None where no row detects.
        out: the names of the videos that are written, a line each.
    """
    table = artifacts.read_table(detections_in, DETECTIONS) if detections_in else None
    written = []
    with ExitStack() as stack:
        maps = {name: stack.enter_context(artifacts.open_artifact(path, HEATMAPS)) for name, path in maps_in.items()}
        for clip in read_shard(shard_in):
            if clip.name not in clips:
                continue
            panels = [map_panel(maps[name], clip.name, name, rule, rules) for name, rule in thresholds.items()]
            panels = panels or [Panel("detections", None, at_half)]
            found = table[table["video"] == clip.name] if table is not None else None
            file = out.with_name(f"{stem_of(clip.name)}.mp4")
            if clip.still or not (any(len(panel.maps or ()) for panel in panels) or (found is not None and len(found))):
                log.warning("%s: no video: %s", clip.name, "it is a still" if clip.still else "nothing was found in it")
                file.unlink(missing_ok=True)
                continue
            try:
                recording = media.inspect(root / clip.video)

                def size(recording: media.Recording = recording) -> tuple[int, int]:
                    return next(media.pictures(recording)).size

                boxed = without_boxes if found is None else detected(found, size)
                heard_in = heard_of(clip, root, recording, partial(log.warning, "%s: %s", clip.name))
                with artifacts.replacing(file) as temporary:
                    write_film(recording, panels, boxed, temporary, lambda _: None, heard_in)
            except MediaError as error:
                log.warning("%s: no video: %s", clip.name, error)
                file.unlink(missing_ok=True)
            else:
                written.append(file.name)
    artifacts.write_text(out, "".join(f"{name}\n" for name in written))
    log.info("%d of %d videos", len(written), len(clips))
