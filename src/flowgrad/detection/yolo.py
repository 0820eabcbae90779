"""YOLO through ultralytics (AGPL-3.0), kept behind the detector protocol and kept off the network."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch  # before ultralytics, which otherwise leaves torch at one thread

from flowgrad.detection.base import CLASSES, Detections
from flowgrad.errors import InputError, first_line


def import_yolo() -> Any:
    """Import ultralytics with its network calls, self-installation and settings file switched off."""
    os.environ["YOLO_OFFLINE"] = "true"
    os.environ["YOLO_AUTOINSTALL"] = "false"
    os.environ["YOLO_VERBOSE"] = "false"
    if "YOLO_CONFIG_DIR" not in os.environ:
        os.environ["YOLO_CONFIG_DIR"] = tempfile.mkdtemp(prefix="flowgrad-yolo-")
        atexit.register(shutil.rmtree, os.environ["YOLO_CONFIG_DIR"], ignore_errors=True)
    threads = torch.get_num_threads()
    from ultralytics import YOLO

    torch.set_num_threads(threads)
    return YOLO


class Yolo:
    """A YOLO detector from a weights file.

    Args:
        weights: an ultralytics ``.pt`` file.
        image_size: longer side of the network's input, pixels.
        confidence: detections below are dropped.
        iou: overlap at which non-maximum suppression drops the weaker box.
        device: torch device string.

    Raises:
        InputError: the weights cannot be loaded, or know none of the vehicle classes.
    """

    def __init__(
        self,
        weights: Path,
        image_size: int = 640,
        confidence: float = 0.25,
        iou: float = 0.7,
        device: str = "cpu",
    ):
        yolo = import_yolo()
        try:
            self._model = yolo(str(weights), task="detect")
            names: dict[int, str] = self._model.names
        except (OSError, RuntimeError, ValueError, TypeError, AttributeError, ImportError) as error:
            raise InputError(
                f"{weights}: cannot be loaded as a detector by ultralytics ({first_line(error)})"
            ) from error
        self._classes = [number for number, name in names.items() if name in CLASSES]
        if not self._classes:
            raise InputError(f"{weights}: knows none of the classes {', '.join(CLASSES)}")
        self._names = names
        self._arguments = {
            "imgsz": image_size,
            "conf": confidence,
            "iou": iou,
            "classes": self._classes,
            "device": device,
            "verbose": False,
        }

    def detect(self, frames: Sequence[npt.NDArray[np.uint8]]) -> list[Detections]:
        """See :class:`flowgrad.detection.base.Detector`."""
        if not frames:
            return []
        bgr = [np.ascontiguousarray(frame[..., ::-1]) for frame in frames]
        found = []
        for result in self._model.predict(bgr, **self._arguments):
            boxes = result.boxes
            labels = tuple(self._names[int(number)] for number in boxes.cls.tolist())
            found.append(
                Detections(
                    boxes.xyxy.cpu().numpy().astype(np.float64).reshape(-1, 4),
                    labels,
                    boxes.conf.cpu().numpy().astype(np.float64),
                )
            )
        return found
