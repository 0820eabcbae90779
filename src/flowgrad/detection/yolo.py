"""YOLO through ultralytics (AGPL-3.0), kept behind the detector protocol and kept off the network.

The weights do not go through ultralytics' own loading, which runs whatever a file says: see
:mod:`flowgrad.detection.weights_file`.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from flowgrad.detection.base import CLASSES, Detections
from flowgrad.detection.labels import vehicle_labels
from flowgrad.detection.library import import_ultralytics, threads_kept
from flowgrad.detection.network import build_network
from flowgrad.detection.sparse import Find, Found, Frame, Search, SparseYolo, misfit
from flowgrad.detection.suppression import suppress
from flowgrad.detection.weights_file import open_weights
from flowgrad.errors import InputError, first_line
from flowgrad.models.arithmetic import Runtime
from flowgrad.models.runtime import resolve

log = logging.getLogger(__name__)

PREDICTORS = {
    "DetectionModel": ("ultralytics.models.yolo.detect", "DetectionPredictor"),
    "RTDETRDetectionModel": ("ultralytics.models.rtdetr", "RTDETRPredictor"),
}
"""What prepares the pictures of a network and reads its answers, through torch."""


class Yolo:
    """A YOLO detector from a weights file.

    Args:
        weights: an ultralytics ``.pt`` file.
        image_size: longer side of the network's input, pixels.
        confidence: detections below are dropped.
        iou: overlap at which non-maximum suppression drops the weaker box.
        runtime: where and through which engine it computes; None: what this machine has
            (:func:`flowgrad.models.runtime.resolve`). Always in float32: the stationary filter compares boxes at an
            IoU of 0.95, so they must not shift.
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
        runtime: Runtime | None = None,
        classes: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ):
        with open_weights(weights) as held:
            self._labels = vehicle_labels(weights, held.names, classes)
            import_ultralytics()
            self._network = build_network(held)
        self._weights = weights
        self._runtime = replace(runtime or resolve(), precision="float32")
        self._search = Search(image_size, confidence, iou, tuple(sorted(self._labels)))
        try:
            self._find = self._finder()
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise InputError(f"{weights}: cannot be used as a detector by ultralytics ({first_line(error)})") from error

    def _finder(self) -> Find:
        """Return what finds boxes: an engine, or ultralytics' own way in torch."""
        runtime = self._runtime
        if runtime.engine != "torch" and runtime.device == "cpu":
            reason = misfit(self._network)
            if not reason:
                return SparseYolo(self._network, self._search, runtime)
            log.info("%s: computed through torch, not %s: %s", self._weights.name, runtime.engine, reason)
        return _Predictor(self._network, self._search, runtime.device)

    def detect(self, frames: Sequence[npt.NDArray[np.uint8]]) -> list[Detections]:
        """See :class:`flowgrad.detection.base.Detector`."""
        return list(map(self._detections, self._find(frames))) if frames else []

    def _detections(self, found: Found) -> Detections:
        labels = [self._labels[number] for number in found.numbers]
        rows = list(range(len(labels)))
        if len(set(self._labels.values())) < len(self._labels):
            # a thing that has two of the classes behind one label is one thing
            rows = sorted(self._one_a_thing(found, labels))
        return Detections(
            found.boxes.astype(np.float64).reshape(-1, 4)[rows],
            tuple(labels[row] for row in rows),
            found.confidences.astype(np.float64)[rows],
        )

    def _one_a_thing(self, found: Found, labels: list[str]) -> list[int]:
        kept: list[int] = []
        for label in CLASSES:
            of_label = np.array([row for row, other in enumerate(labels) if other == label], int)
            kept += of_label[suppress(found.boxes[of_label], found.confidences[of_label], self._search.iou)].tolist()
        return kept


class _Predictor:
    """Ultralytics' own way, through torch: what any of its networks can be found with."""

    def __init__(self, network: nn.Module, search: Search, device: str):
        module, name = PREDICTORS[type(network).__name__]
        arguments = {
            "task": "detect",
            "mode": "predict",
            "imgsz": search.image_size,
            "conf": search.confidence,
            "iou": search.iou,
            "classes": list(search.classes),
            "device": device,
            "batch": 1,
            "rect": True,
            "save": False,
            "verbose": False,
        }
        self._predict = getattr(importlib.import_module(module), name)(overrides=arguments)
        with threads_kept():
            self._predict.setup_model(network.float().eval(), verbose=False)

    def __call__(self, frames: Sequence[Frame]) -> list[Found]:
        bgr = [np.ascontiguousarray(frame[..., ::-1]) for frame in frames]
        return [_found(result.boxes.cpu()) for result in self._predict(bgr)]


def _found(boxes: Any) -> Found:
    return Found(boxes.xyxy.numpy(), boxes.conf.numpy(), [int(number) for number in boxes.cls.tolist()])
