"""Flow as a model asks for it: averaged over time, without the camera's motion, compressed, smoothed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.flow.camera import without_camera
from flowgrad.flow.forms import Scale
from flowgrad.flow.windows import pairs_around

if TYPE_CHECKING:
    from flowgrad.models.base import FlowSpec

PERCENTILE = 95
"""Scale ``percentile``: what is faster than this share of the frame's pixels counts as this fast."""


def magnitudes(flow: npt.NDArray[Any], camera: Literal["kept", "removed"] = "kept") -> npt.NDArray[np.float32]:
    """Return the magnitude of each flow, (N, S, S) float32, in the flow's own pixels.

    Args:
        flow: (N, 2, S, S) to the right and down; or (N, S, S), magnitudes already.
        camera: ``removed`` takes out what the whole picture does (:mod:`flowgrad.flow.camera`).

    Raises:
        ValueError: the camera's motion is to be taken out of magnitudes, which have no direction.
    """
    values = np.asarray(flow, np.float32)
    if values.ndim == 3:
        if camera == "removed":
            raise ValueError(f"flow: expected (N, 2, S, S) to remove the camera's motion, got {values.shape}")
        return values
    if camera == "removed":
        values = np.stack([without_camera(one) for one in values])
    return np.asarray(np.hypot(values[:, 0], values[:, 1]), np.float32)


def compressed(magnitude: npt.NDArray[Any], scale: Scale = "linear") -> npt.NDArray[np.float32]:
    """Return magnitudes (N, S, S) on another scale, float32, so that one fast pixel does not set that of a frame.

    ``root``: the square root. ``percentile``: clipped at the frame's own 95th percentile.
    """
    values = np.asarray(magnitude, np.float32)
    if scale == "root":
        return np.sqrt(values)
    if scale == "percentile":
        return np.minimum(values, np.percentile(values, PERCENTILE, axis=(1, 2), keepdims=True).astype(np.float32))
    return values


def smoothed(maps: npt.NDArray[Any], sigma: float) -> npt.NDArray[np.float32]:
    """Return maps (N, S, S) after a Gaussian of ``sigma`` pixels, float32; 0 leaves them as they are."""
    import cv2

    values = np.asarray(maps, np.float32)
    return np.stack([cv2.GaussianBlur(one, (0, 0), sigma) for one in values]) if sigma > 0 and len(values) else values


def averaged(
    magnitude: npt.NDArray[np.float32], numbers: Sequence[int], wanted: Sequence[int], seconds: float
) -> npt.NDArray[np.float32]:
    """Return the mean magnitude about each wanted frame, (len(wanted), S, S) float32.

    Args:
        magnitude: (N, S, S) float32, of the pairs that begin at ``numbers``.
        numbers: (N,) frame numbers, each once.
        wanted: frame numbers among them. Pairs that there are not (the ends of a clip) are left out of the mean.
        seconds: how long is averaged over (:func:`pairs_around`).
    """
    row = {number: place for place, number in enumerate(numbers)}
    return np.stack(
        [
            magnitude[[row[number] for number in pairs_around(frame, seconds) if number in row]].mean(axis=0)
            for frame in wanted
        ]
    )


def per_second(flow: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return flow of any shape, in pixels per 1/8 s, as pixels per second, float32: exact, for 8 is a power of two.

    >>> per_second(np.float16([-0.1, 9000])) / 8 == np.float16([-0.1, 9000])
    array([ True,  True])
    """
    return np.asarray(flow, np.float32) * np.float32(FRAMES_PER_SECOND)


def given(
    flow: npt.NDArray[Any], numbers: Sequence[int], wanted: Sequence[int], spec: FlowSpec, width: int
) -> npt.NDArray[Any]:
    """Return the flow of the wanted frames as a model asks for it, one a frame: per 1/8 s, or per second.

    Args:
        flow: (N, S, S) or (N, 2, S, S) of the pairs that begin at ``numbers``, in pixels of the source per 1/8 s.
        numbers: (N,) ascending frame numbers, the pairs about those wanted among them.
        wanted: frame numbers among them.
        spec: what the model asks for.
        width: of the source, pixels.
    """
    if spec == type(spec)(spec.form, per_second=spec.per_second):
        row = {number: place for place, number in enumerate(numbers)}
        found = flow[[row[number] for number in wanted]]
        return per_second(found) if spec.per_second else found
    magnitude = averaged(magnitudes(flow, spec.camera), numbers, wanted, spec.seconds)
    if spec.per_second:
        magnitude = per_second(magnitude)
    if spec.unit == "map":
        magnitude *= magnitude.shape[-1] / width
    return smoothed(compressed(magnitude, spec.scale), spec.smoothing)
