"""The success curves of the rows of one protocol."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from flowgrad.figures.style import FAINT, GREY, Style, bare, note, styles

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TOGETHER = 2
"""So many rows have their bands in one plot; of more, each has a plot of its own below."""
COLUMNS = (4, 5, 3)
"""Plots beside each other: as many as need fewest lines, then as leave least room."""
X, Y = "cIoU threshold", "success rate (share of frames)"


def success_figure(curves: pd.DataFrame, controls: Collection[str], title: str) -> Figure:
    """Draw the success rate over the cIoU threshold.

    All rows are in one plot, the best area first in its legend. Bands are 95 % intervals over places. More than two
    rows have a plot each for their bands, in which the others are faint and the best control is dashed.

    Args:
        curves: columns ``model``, ``threshold``, ``rate``, ``low`` and ``high``
            (:func:`flowgrad.evaluation.curve.success_curves`).
        controls: the rows that look at nothing or have learnt nothing.
        title: of the figure.
    """
    from matplotlib.figure import Figure

    if not len(curves):
        return note(f"{title}: no frame has a cIoU, so there is no curve")
    whole = {str(model): some for model, some in curves.groupby("model")}
    areas = {model: _area(some) for model, some in whole.items()}
    by_model = {model: _until_none(some) for model, some in whole.items()}
    looks = styles(sorted(by_model), controls)
    ordered = sorted(by_model, key=lambda model: (model in controls, -areas[model]))
    rows = [model for model in ordered if model not in controls]
    alone = rows if len(rows) > TOGETHER else []
    columns = min(COLUMNS, key=lambda count: (math.ceil(len(alone) / count), -len(alone) % count))
    lines = math.ceil(len(alone) / columns)
    figure = Figure(figsize=(9.2, 4.6 + 2.3 * lines), layout="constrained")
    figure.suptitle(title)
    heights = [2.0] + [1.0] * lines
    grid = figure.add_gridspec(1 + lines, columns, height_ratios=heights)
    axes = figure.add_subplot(grid[0, :])
    for model in ordered:
        _line(axes, by_model[model], looks[model], f"{model}  {areas[model]:.3f}")
        if not alone and model not in controls:
            _band(axes, by_model[model], looks[model])
    axes.set(xlabel=X, ylabel=Y, xlim=(0, 1), ylim=(0, 1.02))
    for at in (0.3, 0.5):
        axes.axvline(at, color=FAINT, linewidth=0.8, zorder=0)
    bare(axes)
    axes.legend(title="row, area under its curve", loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    chance = next((model for model in ordered if model in controls), None)
    for place, model in enumerate(alone):
        small = figure.add_subplot(grid[1 + place // columns, place % columns])
        _alone(small, by_model, model, chance, looks[model])
        first, last = place % columns == 0, place + columns >= len(alone)
        small.set(xlim=(0, 1), ylim=(0, 1.02), xlabel=X if last else "", ylabel="success rate" if first else "")
        small.set(xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    return figure


def _alone(axes: Axes, by_model: Mapping[str, pd.DataFrame], model: str, chance: str | None, look: Style) -> None:
    """Draw one row with its band, the others faint, and the best control."""
    for other, some in by_model.items():
        if other not in (model, chance):
            axes.plot(some["threshold"], some["rate"], color=FAINT, linewidth=0.7, zorder=1)
    if chance is not None:
        some = by_model[chance]
        axes.plot(some["threshold"], some["rate"], color=GREY, linewidth=1, linestyle="--", zorder=2)
    _band(axes, by_model[model], look)
    axes.plot(by_model[model]["threshold"], by_model[model]["rate"], color=look.colour, linewidth=1.8, zorder=4)
    axes.set_title(model, fontsize="medium")
    bare(axes)


def _line(axes: Axes, curve: pd.DataFrame, look: Style, label: str) -> None:
    axes.plot(
        curve["threshold"],
        curve["rate"],
        color=look.colour,
        linestyle=look.line,
        marker=look.marker,
        markersize=4,
        markevery=2,
        linewidth=1.4,
        label=label,
    )


def _band(axes: Axes, curve: pd.DataFrame, look: Style) -> None:
    # at 0 every item succeeds, whatever the places
    some = curve[(curve["rate"] > 0) & (curve["threshold"] > 0)]
    axes.fill_between(
        some["threshold"], some["low"], some["high"], color=look.colour, alpha=0.18, linewidth=0, zorder=1
    )
    for bound in ("low", "high"):
        axes.plot(some["threshold"], some[bound], color=look.colour, linestyle=look.line, linewidth=0.6, zorder=1)


def _until_none(curve: pd.DataFrame) -> pd.DataFrame:
    """Return a curve up to the first threshold that no item reaches: behind it there is nothing to tell."""
    return curve[(curve["rate"] > 0) | (curve["rate"].shift(1) > 0)]


def _area(curve: pd.DataFrame) -> float:
    """Return the area under a curve, as ``auc`` of the summary is made."""
    import numpy as np

    return float(np.trapezoid(curve["rate"], curve["threshold"]))
