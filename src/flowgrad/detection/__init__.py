"""Vehicle detection: the detector protocol, the ultralytics adapter, and the stationary filter."""

from flowgrad.detection.base import CLASSES, Detections, Detector
from flowgrad.detection.stationary import moving, pairwise_iou

__all__ = ["CLASSES", "Detections", "Detector", "moving", "pairwise_iou"]
