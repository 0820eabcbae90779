"""The pointing game: whether the highest pixel of a map lies where the sound is."""

import numpy as np

from flowgrad.evaluation.base import Metric


def hits(prediction, truth):
    highest = prediction.maps.reshape(len(truth), -1).argmax(axis=1)
    return (truth.reshape(len(truth), -1)[np.arange(len(truth)), highest] > 0).astype(float)


def share(clips):
    return {"pointing_game": float(np.concatenate(clips).mean())}


POINTING = Metric("pointing", hits, ("pointing_game",), share)
