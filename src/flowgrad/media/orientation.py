"""How a picture is to be turned and mirrored for display: the whole display matrix, not its angle alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Orientation:
    """What brings a decoded picture upright: first swap its axes, then turn it over.

    Attributes:
        transpose: rows become columns.
        upside_down: the first row comes last.
        mirrored: the first column comes last.
    """

    transpose: bool = False
    upside_down: bool = False
    mirrored: bool = False

    def __bool__(self) -> bool:
        return self.transpose or self.upside_down or self.mirrored

    def applied(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return an (H, W, 3) picture upright."""
        if self.transpose:
            picture = picture.transpose(1, 0, 2)
        if self.upside_down:
            picture = picture[::-1]
        if self.mirrored:
            picture = picture[:, ::-1]
        return np.ascontiguousarray(picture)


UPRIGHT = Orientation()


def orientation_of(frame: Any) -> Orientation:
    """Return the orientation of a decoded frame (PyAV).

    The display matrix (ISO 14496-12) maps x, y of the picture to a x + c y, b x + d y of the screen; what is no quarter
    turn is taken for the nearest.
    """
    import av.sidedata.sidedata

    # not frame.side_data: frame and container would hold each other, and their memory until Python looks for that
    container: Any = av.sidedata.sidedata.SideDataContainer
    known = container(frame)
    if "DISPLAYMATRIX" not in known:
        return UPRIGHT
    a, b, _, c, d = np.frombuffer(bytes(known["DISPLAYMATRIX"]), "<i4")[:5].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, d < 0, a < 0)
    return Orientation(True, b < 0, c < 0)
