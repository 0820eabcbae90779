"""What every artifact shares."""

from __future__ import annotations

from typing import Literal

FRAMES_PER_SECOND = 8
"""Every artifact counts frames at this rate (FlowGrad paper, section 3, "Optical Flow")."""

MAP_SIZE = 224
"""Side of every localization map, pixels."""

FrameStorage = Literal["exact", "jpeg"]
"""Frames as decoded, or after the 8-bit JPEG in which the released code keeps them."""
