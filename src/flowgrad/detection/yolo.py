"""YOLO through ultralytics (AGPL-3.0), kept behind the detector protocol and kept off the network.

The weights do not go through ultralytics' own loading, which runs whatever a file says: see
:mod:`flowgrad.detection.weights_file`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torchvision.ops import batched_nms

from flowgrad.detection.base import CLASSES, Detections
from flowgrad.detection.labels import vehicle_labels
from flowgrad.detection.library import import_ultralytics, threads_kept
from flowgrad.detection.network import build_network
from flowgrad.detection.weights_file import open_weights
from flowgrad.errors import InputError, first_line

PREDICTORS = {
    "DetectionModel": ("ultralytics.models.yolo.detect", "DetectionPredictor"),
    "RTDETRDetectionModel": ("ultralytics.models.rtdetr", "RTDETRPredictor"),
}
"""What prepares the pictures of a network and reads its answers."""


class Yolo:
    """A YOLO detector from a weights file.

    Args:
        weights: an ultralytics ``.pt`` file.
        image_size: longer side of the network's input, pixels.
        confidence: detections below are dropped.
        iou: overlap at which non-maximum suppression drops the weaker box.
        device: torch device string.
        classes: what the weights call a vehicle, by its label (:func:`flowgrad.detection.labels.vehicle_labels`).

    Raises:
        InputError: the file holds no box detector or could run code, or it knows none of the vehicle classes.
    """

    def __init__(
        self,
        weights: Path,
        image_size: int = 640,
        confidence: float = 0.25,
        iou: float = 0.7,
        device: str = "cpu",
        classes: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ):
        with open_weights(weights) as held:
            self._labels = vehicle_labels(weights, held.names, classes)
            import_ultralytics()
            network = build_network(held)
        module, name = PREDICTORS[held.network.name]
        arguments = {
            "task": "detect",
            "mode": "predict",
            "imgsz": image_size,
            "conf": confidence,
            "iou": iou,
            "classes": sorted(self._labels),
            "device": device,
            "batch": 1,
            "rect": True,
            "save": False,
            "verbose": False,
        }
        self._predict = getattr(importlib.import_module(module), name)(overrides=arguments)
        try:
            with threads_kept():
                self._predict.setup_model(network.float().eval(), verbose=False)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise InputError(f"{weights}: cannot be used as a detector by ultralytics ({first_line(error)})") from error
        self._iou = iou

    def detect(self, frames: Sequence[npt.NDArray[np.uint8]]) -> list[Detections]:
        """See :class:`flowgrad.detection.base.Detector`."""
        if not frames:
            return []
        bgr = [np.ascontiguousarray(frame[..., ::-1]) for frame in frames]
        return [self._detections(result.boxes.cpu()) for result in self._predict(bgr)]

    def _detections(self, boxes: Any) -> Detections:
        labels = [self._labels[int(number)] for number in boxes.cls.tolist()]
        rows = list(range(len(labels)))
        if len(set(self._labels.values())) < len(self._labels):
            # a thing that has two of the classes behind one label is one thing
            numbers = torch.tensor([CLASSES.index(label) for label in labels])
            rows = sorted(batched_nms(boxes.xyxy, boxes.conf, numbers, self._iou).tolist())
        return Detections(
            boxes.xyxy.numpy().astype(np.float64).reshape(-1, 4)[rows],
            tuple(labels[row] for row in rows),
            boxes.conf.numpy().astype(np.float64)[rows],
        )
