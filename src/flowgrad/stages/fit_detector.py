"""Stage ``fit_detector``: the detector of rendered streets, from the frames and boxes of their unlabelled part.

The networks never see these boxes: a detector is trained with boxes everywhere, and the table's detector rows are the
ones that are told what a vehicle looks like.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import torch

from flowgrad import artifacts, media
from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.detection.base import CLASSES
from flowgrad.models.device import resolve_device
from flowgrad.synthetic.annotate import VehicleBox, vehicle_boxes
from flowgrad.synthetic.scene import make_scene
from flowgrad.synthetic.settings import StreetSettings
from flowgrad.training.checkpointing import save
from flowgrad.training.detector import Labelled, PictureFolder, train_detector

log = logging.getLogger(__name__)

EVERY = 2 * FRAMES_PER_SECOND
"""One frame in two seconds of video is learnt from."""
JUDGED_BY = 8
"""Every eighth video is kept aside to judge the detector."""
VISIBLE = 0.4
LABELS = {"car": "car", "motorbike": "motorcycle", "bus": "bus", "truck": "truck"}


def run(
    *,
    settings: StreetSettings,
    videos: Mapping[str, Path],
    epochs: int,
    seed: int,
    device: str,
    threads: int,
    weights_out: Path,
    log_out: Path,
) -> None:
    """Train the detector.

    Args:
        settings: of the streets.
        videos: the rendered videos by the name of their clip.
        epochs: how many.
        seed: of what is drawn.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: CPU threads.
        weights_out: an ultralytics ``.pt`` file.
        log_out: CSV, the trainer's figures of every epoch.
    """

    def say(words: str) -> None:
        log.info("%s", words)
        print(f"detector: {words}", file=sys.stderr, flush=True)  # noqa: T201

    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory(prefix="flowgrad-detector-") as folder:
        pictures = PictureFolder(Path(folder) / "pictures")
        for number, (name, path) in enumerate(sorted(videos.items())):
            scene = make_scene(settings, name)
            part = "val" if number % JUDGED_BY == 0 else "train"
            for picture in media.pictures(media.inspect(path)):
                if picture.number % EVERY:
                    continue
                boxes = vehicle_boxes(scene, picture.number / FRAMES_PER_SECOND)
                labelled = [_labelled(box, settings.width, settings.height) for box in boxes if _counts(box)]
                pictures.add(part, f"{name}_{picture.number:04d}", picture.rgb(), labelled)
        say(f"{len(videos)} videos")
        content, figures = train_detector(
            pictures, Path(folder) / "scratch", epochs=epochs, seed=seed, device=resolve_device(device), say=say
        )
        table = pd.read_csv(figures)
        table.columns = table.columns.str.strip()
        artifacts.write_table(log_out, table.drop(columns="time"))
        save(content, weights_out)


def _counts(box: VehicleBox) -> bool:
    return box.label in LABELS and box.visible >= VISIBLE


def _labelled(box: VehicleBox, width: int, height: int) -> Labelled:
    number = CLASSES.index(LABELS[box.label])
    return number, (box.x + box.w / 2) / width, (box.y + box.h / 2) / height, box.w / width, box.h / height
