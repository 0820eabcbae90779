"""One motion for the whole frame, by phase correlation."""

import cv2
import numpy as np

from flowgrad.flow.base import Estimator
from flowgrad.flow.pairs import grey


class WholeShift:
    def __init__(self, weights=None):
        self.settings = {"window": "hanning"}
        self.prepared = grey

    def flow(self, first, second):
        window = cv2.createHanningWindow(first.shape[::-1], cv2.CV_32F)
        (right, down), _ = cv2.phaseCorrelate(first.astype(np.float32), second.astype(np.float32), window)
        return np.stack([np.full(first.shape, right, np.float32), np.full(first.shape, down, np.float32)])


WHOLE_SHIFT = Estimator("whole-shift", WholeShift)
