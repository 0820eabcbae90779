"""Farneback's method (2003) on one level of a pyramid: polynomial expansion, and flow from two of them.

The flow is that of OpenCV's ``calcOpticalFlowFarneback`` with a square window, but for the last bit of a few pixels:
sums are in double where OpenCV's are, products are rounded where it rounds, and constants come from weights in float32
as there. It is faster for three reasons. A frame is expanded once for both of its pairs. All iterations go down the
image together, a window apart, so that an expansion is read once and not once an iteration. And what is added up lies
in memory as vector instructions want it.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from numba import uintp

from flowgrad.flow.compiled import compiled

TAPS = 5
"""The neighbourhood of a pixel reaches this far; ``poly_n`` of OpenCV."""
REACH = 7
"""A window is 15 pixels wide and high, ``winsize``: this far to both sides."""
BORDER = (0.14, 0.14, 0.4472, 0.4472, 0.4472)
"""How far pixels at the border of the image are believed, from outside in."""
SMALLEST = 2 * len(BORDER)
"""OpenCV takes the border of an image with a shorter side for its middle; these kernels do not."""
PARTS = 5
"""Coefficients of a pixel: of y, x, y², x², xy."""
SPARE = 8
"""Numbers after the last pixel, which are read with its own and not used."""

_LINES = 16
"""Rows of sums that are kept: those of a window, and one more."""


@cache
def applicability(sigma: float) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Return the weights of a neighbourhood, and the numbers that turn its sums into coefficients.

    They are rounded as OpenCV's: a curvature is the small difference of large sums, so the last digit of a weight
    moves the flow of a dim place by a hundredth of a pixel.

    Args:
        sigma: of the Gaussian that weighs a neighbourhood, pixels; ``poly_sigma`` of OpenCV.

    Returns:
        (3, TAPS + 1) float32: the Gaussian g, x g and x² g at distance 0, 1, ...; and (4,) float64, the entries 11,
        03, 33 and 55 of the inverse of the moments (basis 1, x, y, x², y², xy).
    """
    places = np.arange(-TAPS, TAPS + 1).astype(np.float32)
    gauss = np.exp(-(places.astype(np.float64) ** 2) / (2 * sigma**2)).astype(np.float32)
    gauss = (gauss * (1 / gauss.sum(dtype=np.float64))).astype(np.float32)
    both = np.outer(gauss, gauss)
    y, x = np.meshgrid(places, places, indexing="ij")
    total, second, fourth, mixed = (
        product.sum(dtype=np.float64) for product in (both, both * x * x, both * x * x * x * x, both * x * x * y * y)
    )
    moments = np.diag([total, second, second, fourth, fourth, mixed])
    moments[0, 3:5] = moments[3:5, 0] = second
    moments[3, 4] = moments[4, 3] = mixed
    inverse = np.linalg.inv(moments)
    half, steps = gauss[TAPS:], places[TAPS:]
    weights = np.stack([half, steps * half, steps * steps * half])
    return weights, np.array([inverse[1, 1], inverse[0, 3], inverse[3, 3], inverse[5, 5]])


def belief(length: int) -> npt.NDArray[np.float32]:
    """Return how far the pixels of a row or column of SMALLEST and more are believed, (length,) float32."""
    found = np.ones(length, np.float32)
    found[: len(BORDER)] = BORDER
    found[-len(BORDER) :] = BORDER[::-1]
    return found


@compiled("void(float32[:,::1], float32[:,::1], float64[::1], float32[::1])")
def expand(
    image: npt.NDArray[np.float32],
    weights: npt.NDArray[np.float32],
    inverse: npt.NDArray[np.float64],
    out: npt.NDArray[np.float32],
) -> None:
    """Fit a polynomial of second degree to the neighbourhood of each pixel; the edge of the image is repeated.

    Args:
        image: (H, W).
        weights: of :func:`applicability`.
        inverse: of :func:`applicability`.
        out: (H * W * PARTS + SPARE,), is filled.
    """
    height, width = image.shape
    sums, slopes, curves = (
        np.empty(width + 10, np.float32),
        np.empty(width + 10, np.float32),
        np.empty(width + 10, np.float32),
    )
    g0, g1, g2, g3, g4, g5 = weights[0]
    _, a1, a2, a3, a4, a5 = weights[1]
    _, q1, q2, q3, q4, q5 = weights[2]
    i11, i03, i33, i55 = inverse
    double, single = np.float64, np.float32
    for y in range(height):
        c = image[y]
        m1, p1 = image[max(y - 1, 0)], image[min(y + 1, height - 1)]
        m2, p2 = image[max(y - 2, 0)], image[min(y + 2, height - 1)]
        m3, p3 = image[max(y - 3, 0)], image[min(y + 3, height - 1)]
        m4, p4 = image[max(y - 4, 0)], image[min(y + 4, height - 1)]
        m5, p5 = image[max(y - 5, 0)], image[min(y + 5, height - 1)]
        for x in range(width):
            s1, s2, s3, s4, s5 = m1[x] + p1[x], m2[x] + p2[x], m3[x] + p3[x], m4[x] + p4[x], m5[x] + p5[x]
            d1, d2, d3, d4, d5 = p1[x] - m1[x], p2[x] - m2[x], p3[x] - m3[x], p4[x] - m4[x], p5[x] - m5[x]
            sums[x + 5] = c[x] * g0 + s1 * g1 + s2 * g2 + s3 * g3 + s4 * g4 + s5 * g5
            slopes[x + 5] = d1 * a1 + d2 * a2 + d3 * a3 + d4 * a4 + d5 * a5
            curves[x + 5] = s1 * q1 + s2 * q2 + s3 * q3 + s4 * q4 + s5 * q5
        for line in (sums, slopes, curves):
            line[:5] = line[5]
            line[width + 5 :] = line[width + 4]
        row = uintp(y * width * PARTS)
        for x in range(width):
            s1, d1 = sums[x + 6] + sums[x + 4], sums[x + 6] - sums[x + 4]
            s2, d2 = sums[x + 7] + sums[x + 3], sums[x + 7] - sums[x + 3]
            s3, d3 = sums[x + 8] + sums[x + 2], sums[x + 8] - sums[x + 2]
            s4, d4 = sums[x + 9] + sums[x + 1], sums[x + 9] - sums[x + 1]
            s5, d5 = sums[x + 10] + sums[x], sums[x + 10] - sums[x]
            mean = (
                double(sums[x + 5] * g0) + double(s1) * double(g1) + double(s2) * double(g2) + double(s3) * double(g3)
                + double(s4) * double(g4) + double(s5) * double(g5)
            )  # fmt: skip
            of_xx = (
                double(s1) * double(q1) + double(s2) * double(q2) + double(s3) * double(q3) + double(s4) * double(q4)
                + double(s5) * double(q5)
            )  # fmt: skip
            of_x = double(d1 * a1) + double(d2 * a2) + double(d3 * a3) + double(d4 * a4) + double(d5 * a5)
            s1, d1 = slopes[x + 6] + slopes[x + 4], slopes[x + 6] - slopes[x + 4]
            s2, d2 = slopes[x + 7] + slopes[x + 3], slopes[x + 7] - slopes[x + 3]
            s3, d3 = slopes[x + 8] + slopes[x + 2], slopes[x + 8] - slopes[x + 2]
            s4, d4 = slopes[x + 9] + slopes[x + 1], slopes[x + 9] - slopes[x + 1]
            s5, d5 = slopes[x + 10] + slopes[x], slopes[x + 10] - slopes[x]
            of_y = (
                double(slopes[x + 5] * g0) + double(s1 * g1) + double(s2 * g2) + double(s3 * g3) + double(s4 * g4)
                + double(s5 * g5)
            )  # fmt: skip
            of_xy = double(d1 * a1) + double(d2 * a2) + double(d3 * a3) + double(d4 * a4) + double(d5 * a5)
            s1, s2 = curves[x + 6] + curves[x + 4], curves[x + 7] + curves[x + 3]
            s3, s4 = curves[x + 8] + curves[x + 2], curves[x + 9] + curves[x + 1]
            s5 = curves[x + 10] + curves[x]
            of_yy = (
                double(curves[x + 5] * g0) + double(s1 * g1) + double(s2 * g2) + double(s3 * g3) + double(s4 * g4)
                + double(s5 * g5)
            )  # fmt: skip
            place = row + uintp(x) * uintp(PARTS)
            out[place] = single(of_y * i11)
            out[place + uintp(1)] = single(of_x * i11)
            out[place + uintp(2)] = single(mean * i03 + of_yy * i33)
            out[place + uintp(3)] = single(mean * i03 + of_xx * i33)
            out[place + uintp(4)] = single(of_xy * i55)


@compiled(
    "void(float32[::1], float32[::1], float32[:,:,::1], int64, float32[::1], float32, float32[::1], float32[:,::1],"
    " int32[::1], float32[:,::1])"
)
def _products(
    first: npt.NDArray[np.float32],
    second: npt.NDArray[np.float32],
    flow: npt.NDArray[np.float32],
    y: int,
    belief_x: npt.NDArray[np.float32],
    belief_y: np.float32,
    both: npt.NDArray[np.float32],
    shares: npt.NDArray[np.float32],
    places: npt.NDArray[np.int32],
    out: npt.NDArray[np.float32],
) -> None:
    """Write what each pixel of row ``y`` says of its motion: (5, W), the parts of A'A and A'b (section 4)."""
    height, width = flow.shape[1], flow.shape[2]
    right, down = flow[0, y], flow[1, y]
    none, one, half, quarter = np.float32(0), np.float32(1), np.float32(0.5), np.float32(0.25)
    s00, s01, s10, s11 = shares[0], shares[1], shares[2], shares[3]
    last_x, last_y = np.float32(width - 1), np.float32(height - 1)
    for x in range(width):
        at_x, at_y = np.float32(x) + right[x], np.float32(y) + down[x]
        whole_x, whole_y = np.floor(at_x), np.floor(at_y)
        part_x, part_y = at_x - whole_x, at_y - whole_y
        inside = (whole_x >= none) & (whole_x < last_x) & (whole_y >= none) & (whole_y < last_y)
        s00[x], s01[x] = (one - part_x) * (one - part_y), part_x * (one - part_y)
        s10[x], s11[x] = (one - part_x) * part_y, part_x * part_y
        place = np.int32(whole_y if inside else none) * np.int32(width) + np.int32(whole_x if inside else none)
        places[x] = place if inside else np.int32(-1)
    line = uintp(PARTS * width)
    row = uintp(y) * line
    # unsigned places: signed ones may count from the end, which is asked at each
    u1, u2, u3, u4, u5, u6, u7 = uintp(1), uintp(2), uintp(3), uintp(4), uintp(5), uintp(6), uintp(7)
    for x in range(width):
        here, at = row + uintp(x) * uintp(PARTS), uintp(x) * uintp(8)
        if places[x] < 0:
            # it moves out of the image, where nothing is known: its own polynomial stands for that of its goal
            both[at], both[at + u1] = first[here] * half, first[here + u1] * half
            both[at + u2], both[at + u3] = first[here + u2], first[here + u3]
            both[at + u4] = first[here + u4] * half
            continue
        i = uintp(places[x]) * uintp(PARTS)
        j, k = i + u5, i + line
        m = k + u5
        a, b, c, d = s00[x], s01[x], s10[x], s11[x]
        # all are read before the first is written, three past the pixel's own: so this is one instruction a neighbour
        v0 = a * second[i] + b * second[j] + c * second[k] + d * second[m]
        v1 = a * second[i + u1] + b * second[j + u1] + c * second[k + u1] + d * second[m + u1]
        v2 = a * second[i + u2] + b * second[j + u2] + c * second[k + u2] + d * second[m + u2]
        v3 = a * second[i + u3] + b * second[j + u3] + c * second[k + u3] + d * second[m + u3]
        v4 = a * second[i + u4] + b * second[j + u4] + c * second[k + u4] + d * second[m + u4]
        v5 = a * second[i + u5] + b * second[j + u5] + c * second[k + u5] + d * second[m + u5]
        v6 = a * second[i + u6] + b * second[j + u6] + c * second[k + u6] + d * second[m + u6]
        v7 = a * second[i + u7] + b * second[j + u7] + c * second[k + u7] + d * second[m + u7]
        v0 = first[here] * half + v0 * -half
        v1 = first[here + u1] * half + v1 * -half
        v2 = first[here + u2] * half + v2 * half
        v3 = first[here + u3] * half + v3 * half
        v4 = first[here + u4] * quarter + v4 * quarter
        v5 = first[here + u5] * quarter + v5 * quarter
        v6 = first[here + u6] * quarter + v6 * quarter
        v7 = first[here + u7] * quarter + v7 * quarter
        both[at], both[at + u1], both[at + u2], both[at + u3] = v0, v1, v2, v3
        both[at + u4], both[at + u5], both[at + u6], both[at + u7] = v4, v5, v6, v7
    o0, o1, o2, o3, o4 = out[0], out[1], out[2], out[3], out[4]
    for x in range(width):
        at = uintp(x) * uintp(8)
        weight = belief_x[x] * belief_y
        yy, xx, xy = both[at + u2], both[at + u3], both[at + u4]
        of_y = (both[at] + (yy * down[x] + xy * right[x])) * weight
        of_x = (both[at + u1] + (xy * down[x] + xx * right[x])) * weight
        yy, xx, xy = yy * weight, xx * weight, xy * weight
        o0[x] = yy * yy + xy * xy
        o1[x] = (yy + xx) * xy
        o2[x] = xx * xx + xy * xy
        o3[x] = yy * of_y + xy * of_x
        o4[x] = xy * of_y + xx * of_x


@compiled(
    "void(float32[:,::1], float32[:,::1], boolean, float64[:,::1], float64[:,::1], float64[:,::1], float32[::1],"
    " float32[::1])"
)
def _solve(
    coming: npt.NDArray[np.float32],
    going: npt.NDArray[np.float32],
    moves: bool,
    columns: npt.NDArray[np.float64],
    means: npt.NDArray[np.float64],
    partial: npt.NDArray[np.float64],
    right: npt.NDArray[np.float32],
    down: npt.NDArray[np.float32],
) -> None:
    """Move the window down a row, and write the flow of its middle row: what all pixels of it agree on best."""
    width = right.shape[0]
    share = 1 / (2 * REACH + 1) ** 2
    two, four = partial[0], partial[1]
    for part in range(5):
        column, new, old, mean = columns[part], coming[part], going[part], means[part]
        if moves:
            for x in range(width):
                column[x + 7] += np.float64(new[x] - old[x])
        column[:7] = column[7]
        column[width + 7 :] = column[width + 6]
        # 15 neighbours in six additions
        for x in range(width + 13):
            two[x] = column[x] + column[x + 1]
        for x in range(width + 11):
            four[x] = two[x] + two[x + 2]
        for x in range(width):
            mean[x] = four[x] + four[x + 4] + four[x + 8] + two[x + 12] + column[x + 14]
    yys, xys, xxs, of_ys, of_xs = means[0], means[1], means[2], means[3], means[4]
    for x in range(width):
        yy, xy, xx, of_y, of_x = yys[x] * share, xys[x] * share, xxs[x] * share, of_ys[x] * share, of_xs[x] * share
        inverse = 1 / (yy * xx - xy * xy + 1e-3)
        right[x] = np.float32((yy * of_x - xy * of_y) * inverse)
        down[x] = np.float32((xx * of_y - xy * of_x) * inverse)


@compiled("void(float32[::1], float32[::1], float32[:,:,::1], float32[::1], float32[::1], int64)")
def refine(
    first: npt.NDArray[np.float32],
    second: npt.NDArray[np.float32],
    flow: npt.NDArray[np.float32],
    belief_x: npt.NDArray[np.float32],
    belief_y: npt.NDArray[np.float32],
    iterations: int,
) -> None:
    """Improve the flow between two expanded images, in place.

    Args:
        first: the expansion of one image (:func:`expand`).
        second: that of the next.
        flow: (2, H, W): to the right, down.
        belief_x: of the columns (:func:`belief`).
        belief_y: of the rows.
        iterations: how often.
    """
    height, width = flow.shape[1], flow.shape[2]
    sums = np.empty((iterations, _LINES, 5, width), np.float32)
    columns = np.empty((iterations, 5, width + 2 * REACH), np.float64)
    both, shares, places = np.empty(width * 8, np.float32), np.empty((4, width), np.float32), np.empty(width, np.int32)
    partial, means = np.empty((2, width + 2 * REACH), np.float64), np.empty((5, width), np.float64)
    # an iteration is a window's reach behind the one before: it meets its flow, and still has the rows that it needs
    for step in range(height + REACH * iterations):
        for iteration in range(iterations):
            y = step - REACH * iteration
            if y < 0:
                break
            rows = sums[iteration]
            if y < height:
                _products(
                    first, second, flow, y, belief_x, belief_y[y], both, shares, places, rows[y % _LINES]
                )  # fmt: skip
            middle = y - REACH
            if middle < 0 or middle >= height:
                continue
            if middle == 0:
                for part in range(5):
                    for x in range(width):
                        total = np.float64(rows[0, part, x] * np.float32(REACH + 2))
                        for below in range(1, REACH):
                            total += rows[min(below, height - 1), part, x]
                        total += np.float64(rows[min(REACH, height - 1), part, x] - rows[0, part, x])
                        columns[iteration, part, x + REACH] = total
            coming, going = min(y, height - 1) % _LINES, max(middle - REACH - 1, 0) % _LINES
            _solve(
                rows[coming], rows[going], middle > 0, columns[iteration], means, partial,
                flow[0, middle], flow[1, middle],
            )  # fmt: skip
