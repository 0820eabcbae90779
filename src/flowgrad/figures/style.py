"""How rows of the table look in a plot: told apart by line and marker, so that a print in grey shows them, too."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Of Okabe and Ito (2008), which people see apart whatever colours they see; yellow is left out, it is faint."""
LINES: tuple[str | tuple[int, tuple[int, ...]], ...] = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
MARKERS = "osD^vPX*<>ph"
GREY, FAINT = "#6e6e6e", "#d0d0d0"
DPI = 150


def plain(text: str) -> str:
    """Return a text as matplotlib shows it: without this, what stands between dollar signs is a formula.

    >>> plain("10 $ or 20 $")
    '10 \\\\$ or 20 \\\\$'
    """
    return text.replace("$", r"\$")


@dataclass(frozen=True)
class Style:
    """How a row is drawn."""

    colour: str
    line: str | tuple[int, tuple[int, ...]]
    marker: str


def styles(models: Iterable[str], controls: Collection[str]) -> dict[str, Style]:
    """Return the style of each row: as many as there are, no two alike; controls are grey.

    >>> found = styles(["flow", "motion", "blank"], {"blank"})
    >>> found["flow"] == found["motion"], found["blank"].colour == GREY
    (False, True)
    """
    names = list(models)
    # 7 colours, 5 lines and 12 markers have no common divisor: 420 rows until one comes again
    looks = zip(cycle(COLOURS), cycle(LINES), cycle(MARKERS), strict=False)
    plain = {name: Style(*look) for name, look in zip([n for n in names if n not in controls], looks, strict=False)}
    grey = {
        name: Style(GREY, line, marker)
        for name, line, marker in zip(
            [n for n in names if n in controls], cycle([":", "--", "-."]), cycle("|x1+"), strict=False
        )
    }
    return plain | grey


def bare(axes: Axes) -> None:
    """Leave out what says nothing: the box around a plot."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize="small")


def note(text: str) -> Figure:
    """Return a figure that says why there is none."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 1.2))
    figure.text(0.5, 0.5, text, ha="center", va="center", wrap=True)
    return figure
