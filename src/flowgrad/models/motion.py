"""Rows of our own without labels and without a detector: ``motion``, and a localizer times it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from flowgrad.evaluation.scaling import normalise
from flowgrad.flow.prepared import smoothed
from flowgrad.models.base import Batch, Localize, Maps, Runtime

if TYPE_CHECKING:
    from flowgrad.models import presets


def load_motion(checkpoint: Path | None, settings: presets.RobustMotion, runtime: Runtime) -> Localize:
    """Return the row ``motion``; it has no checkpoint and runs nowhere in particular."""

    def localize(batch: Batch) -> Maps:
        return _motion(batch, settings)

    return localize


def load_times_motion(checkpoint: Path | None, settings: presets.TimesMotion, runtime: Runtime) -> Localize:
    """Return a localizer's maps times ``motion``; the checkpoint is that of the maps that it is given."""

    def localize(batch: Batch) -> Maps:
        assert batch.maps is not None
        share = settings.share_of_localizer
        return _motion(batch, settings) * (1 - share + share * normalise(batch.maps))

    return localize


def _motion(batch: Batch, settings: presets.RobustMotion) -> Maps:
    assert batch.flow is not None
    assert batch.background is not None
    return motion(batch.flow, batch.background, settings.motion_smoothing, settings.half_difference, settings.half_flow)


def motion(
    magnitude: npt.NDArray[Any],
    difference: npt.NDArray[Any],
    smoothing: float = 3,
    half_difference: float = 16,
    half_flow: float = 0.2,
) -> Maps:
    """Return where something moves that is not background, (N, S, S) float32 in [0, 1].

    Both factors are saturated, x / (x + half): what moves twice as fast, or differs twice as much, counts hardly more.
    The product wants both: flow alone runs over the edge of what moves and starts at waving trees; the difference alone
    lights up shadows, and the place that a vehicle left. The Gaussian fills the plain insides of vehicles.

    Args:
        magnitude: (N, S, S), without the camera's motion, in pixels of a picture of S pixels.
        difference: (N, S, S), to the background, in grey levels.
        smoothing: deviation of the Gaussian over either factor, pixels.
        half_difference: a difference that counts half, grey levels.
        half_flow: a motion that counts half, pixels of a picture of S pixels per 1/8 s.
    """
    moving = smoothed(magnitude, smoothing)
    levels = np.asarray(difference, np.float32)
    foreign = smoothed(levels / (levels + half_difference), smoothing)
    return np.asarray(foreign * moving / (moving + half_flow), np.float32)
