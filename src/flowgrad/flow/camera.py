"""The motion of the camera: what the whole picture does, fitted to a flow so that vehicles do not pull it along."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

STEP = 4
"""Every fourth pixel is looked at, in both directions."""
ROUNDS = 8
LEAST_SPREAD = 0.04
"""Vectors that lie this close to the fit are no outliers, pixels: flow itself is no finer."""

Motion = npt.NDArray[np.float64]
"""(3, 2) float64: motion to the right and down in the centre, and how much it grows over the width and the height."""


def camera_motion(flow: npt.NDArray[np.floating]) -> Motion:
    """Return the affine motion that most of a flow (2, S, S) follows, in the flow's own pixels.

    Weighted least squares, repeated: a vector counts less the farther it lies from the last fit (Geman and McClure's
    weights, scaled by the median distance). It starts from the median vector, so that whatever moves otherwise on
    less than half of the picture hardly moves it.
    """
    size = flow.shape[1]
    rows, columns = np.mgrid[STEP // 2 : size : STEP, STEP // 2 : size : STEP]
    vectors = flow[:, rows, columns].reshape(2, -1).T.astype(np.float64)
    places = _places(rows.ravel(), columns.ravel(), size)
    motion = np.zeros((3, 2))
    motion[0] = np.median(vectors, axis=0)
    for _ in range(ROUNDS):
        distance = np.hypot(*(vectors - places @ motion).T)
        spread = max(2 * 1.4826 * float(np.median(distance)), LEAST_SPREAD)
        weighted = places * ((1 + (distance / spread) ** 2) ** -2)[:, None]
        # a part of a millionth keeps the equations solvable where all weight lies on one line
        motion = np.linalg.solve(weighted.T @ places + 1e-6 * np.eye(3), weighted.T @ vectors)
    return motion


def without_camera(flow: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Return a flow (2, S, S) with the motion of the camera taken out, float32."""
    size = flow.shape[1]
    rows, columns = np.mgrid[:size, :size]
    field = _places(rows.ravel(), columns.ravel(), size) @ camera_motion(flow)
    return np.asarray(flow - field.T.reshape(2, size, size), np.float32)


def displacement(motion: Motion, width: int, height: int, size: int) -> npt.NDArray[np.float64]:
    """Return a motion, in pixels of a ``width`` x ``height`` frame, as a 3x3 matrix on a picture of ``size`` pixels.

    It takes a point (x, y, 1) of the first frame's picture to where it is in the second's.
    """
    scaled = motion * (size / width, size / height)
    matrix = np.eye(3)
    matrix[:2, :2] += scaled[1:].T / size
    matrix[:2, 2] = scaled[0] - scaled[1:].sum(axis=0) / 2
    return matrix


def _places(rows: npt.NDArray[np.int_], columns: npt.NDArray[np.int_], size: int) -> npt.NDArray[np.float64]:
    return np.stack([np.ones(rows.size), columns / size - 0.5, rows / size - 0.5], axis=1)
