"""Which frames about a frame are looked at: no arrays, so that the workflow can ask."""

from __future__ import annotations

from flowgrad.constants import FRAMES_PER_SECOND

LONGEST_S = 5
"""The longest time that flow is averaged over."""
REACH = 4 * FRAMES_PER_SECOND
"""A frame is compared with those up to so many before and after it: 4 s. What stands longer becomes background."""
COUNT = 16
"""So many of them are compared, evenly spread: memory and time do not grow with the clip."""


def pairs_around(number: int, seconds: float) -> range:
    """Return the pairs whose flow is averaged for a frame: so many that they span ``seconds``, one at least.

    They lie about the pair that begins at the frame; of an even number one more lies before it.

    >>> list(pairs_around(8, 0.125)), list(pairs_around(8, 0.25)), list(pairs_around(8, 0.5))
    ([8], [7, 8], [6, 7, 8, 9])
    """
    count = max(round(seconds * FRAMES_PER_SECOND), 1)
    first = number - count // 2
    return range(first, first + count)


def compared(number: int, first: int, last: int) -> list[int]:
    """Return the frames that a frame is compared with, ascending, of a clip from ``first`` to ``last``.

    >>> compared(40, 0, 79)[:3], len(compared(40, 0, 79)), compared(1, 0, 2)
    ([8, 12, 16], 16, [0, 1, 2])
    """
    low, high = max(number - REACH, first), min(number + REACH, last)
    steps = max(min(COUNT, high - low + 1) - 1, 1)
    return sorted({low + (high - low) * step // steps for step in range(steps + 1)})
