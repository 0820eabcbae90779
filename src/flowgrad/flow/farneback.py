"""Dense optical flow after Farneback (2003) as OpenCV computes it, with the parameters that the FlowGrad paper uses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flowgrad.flow.pairs import check_pair, grey

PARAMETERS: dict[str, Any] = {
    "pyr_scale": 0.5,
    "levels": 3,
    "winsize": 15,
    "iterations": 3,
    "poly_n": 5,
    "poly_sigma": 1.2,
    "flags": 0,
}
"""The parameters of the released FlowGrad code; the paper names none."""
SHORTEST = 32
"""A level of the pyramid is left out where a side of it would be shorter."""


@dataclass(frozen=True)
class Level:
    """A level of a frame's pyramid.

    Attributes:
        size: height and width.
        polynomials: one for the neighbourhood of each pixel (:func:`flowgrad.flow.farneback_kernels.expand`).
    """

    size: tuple[int, int]
    polynomials: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Expanded:
    """A frame as both of its pairs use it.

    Attributes:
        grey: (H, W) uint8.
        levels: the whole frame first; none where OpenCV's own function is called.
    """

    grey: npt.NDArray[np.uint8]
    levels: tuple[Level, ...]


class Farneback:
    """Farneback's flow with the parameters of the released FlowGrad code; it has no weights.

    The flow is that of ``cv2.calcOpticalFlowFarneback``, three to four times as fast; where the kernels do not fit,
    that function is called.
    """

    settings = PARAMETERS

    def __init__(self, weights: Path | None = None):
        pass

    def prepared(self, rgb: npt.NDArray[np.uint8]) -> Expanded:
        """Return an (H, W, 3) uint8 RGB frame with the polynomials of its pyramid."""
        return _expanded(grey(rgb))

    def flow(
        self, first: Expanded | npt.NDArray[np.uint8], second: Expanded | npt.NDArray[np.uint8]
    ) -> npt.NDArray[np.float32]:
        """Return the flow (2, H, W) between two frames; see :class:`flowgrad.flow.base.FlowEstimator`.

        Args:
            first: of :meth:`prepared`, or an (H, W) uint8 grey image.
            second: the same of the next frame.

        Raises:
            ValueError: the frames differ in shape or are not 8-bit grey.
        """
        images = [frame.grey if isinstance(frame, Expanded) else frame for frame in (first, second)]
        check_pair(*images)
        if not _fits(images[0]):
            return _opencv(*images)
        return _refined(*(frame if isinstance(frame, Expanded) else _expanded(frame) for frame in (first, second)))


def _fits(image: npt.NDArray[np.uint8]) -> bool:
    """Return whether the kernels, which are made for one neighbourhood and one window, do what OpenCV does."""
    from flowgrad.flow import farneback_kernels as kernels

    window = 2 * kernels.REACH + 1
    made_for = {"winsize": window, "poly_n": kernels.TAPS, "flags": 0}
    return made_for.items() <= PARAMETERS.items() and min(image.shape) >= max(window, kernels.SMALLEST)


def _opencv(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    import cv2

    found: Any = cv2.calcOpticalFlowFarneback(first, second, None, **PARAMETERS)
    return np.ascontiguousarray(np.moveaxis(found, -1, 0))


def _expanded(image: npt.NDArray[np.uint8]) -> Expanded:
    """Return a grey image with its pyramid."""
    if not _fits(image):
        return Expanded(image, ())
    scales = [1.0]
    while len(scales) <= PARAMETERS["levels"] and min(image.shape) * scales[-1] * PARAMETERS["pyr_scale"] >= SHORTEST:
        scales.append(scales[-1] * PARAMETERS["pyr_scale"])
    exact = image.astype(np.float32)
    return Expanded(image, tuple(_level(exact, scale) for scale in scales))


def _level(image: npt.NDArray[np.float32], scale: float) -> Level:
    """Blur and shrink a whole image, and fit a polynomial to the neighbourhood of each pixel."""
    import cv2

    from flowgrad.flow import farneback_kernels as kernels

    sigma = (1 / scale - 1) / 2
    taps = max(round(5 * sigma) | 1, 3)
    height, width = (round(side * scale) for side in image.shape)
    blurred = cv2.GaussianBlur(image, (taps, taps), sigma, sigmaY=sigma)
    small = np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR))
    # not zeros: the system hands out fresh memory for those, which takes longer than filling it
    polynomials = np.empty(small.size * kernels.PARTS + kernels.SPARE, np.float32)
    polynomials[-kernels.SPARE :] = 0
    kernels.expand(small, *kernels.applicability(PARAMETERS["poly_sigma"]), polynomials)
    return Level((height, width), polynomials)


def _refined(first: Expanded, second: Expanded) -> npt.NDArray[np.float32]:
    """Return the flow between two pyramids, (2, H, W) float32, found from the smallest level upwards."""
    import cv2

    from flowgrad.flow import farneback_kernels as kernels

    found = np.zeros((2, *first.levels[-1].size), np.float32)
    for one, two in zip(reversed(first.levels), reversed(second.levels), strict=True):
        height, width = one.size
        if found.shape[1:] != one.size:
            # both parts at once, as OpenCV does: it rounds otherwise than part by part
            larger = cv2.resize(cv2.merge(list(found)), (width, height), interpolation=cv2.INTER_LINEAR)
            found = np.empty((2, height, width), np.float32)
            np.multiply(np.moveaxis(larger, -1, 0), np.float32(1 / PARAMETERS["pyr_scale"]), out=found)
        beliefs = kernels.belief(width), kernels.belief(height)
        kernels.refine(one.polynomials, two.polynomials, found, *beliefs, PARAMETERS["iterations"])
    return found
