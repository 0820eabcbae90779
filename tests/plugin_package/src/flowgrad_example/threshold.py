"""A tenth of every map, the highest pixels."""

import numpy as np

from flowgrad.evaluation.base import ThresholdRule


def top_tenth(maps, value):
    limits = np.quantile(maps.reshape(len(maps), -1), 0.9, axis=1)
    return maps > limits[:, None, None]


TOP_TENTH = ThresholdRule("top-tenth", top_tenth)
