"""One figure of every row on items of each kind: per class, per city, by size, ..."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from flowgrad.evaluation.intervals import names
from flowgrad.evaluation.slices import ordered
from flowgrad.figures.style import FAINT, GREY, bare, note, plain, styles
from flowgrad.standing import spoken

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

MOST = 20
"""Values that are drawn at most: those with most frames."""
ROW, BETWEEN = 0.16, 0.22
"""Inches of a row of the table, and between two values."""


def slice_figure(slices: pd.DataFrame, figure: str, controls: Collection[str], title: str) -> Figure:
    """Draw a figure with its interval for every value of one slice: a group of points a value, a point a row.

    Args:
        slices: the rows of one protocol and slice of ``slices.csv``, at least one.
        figure: ``auc``, ...
        controls: rows that are chance; the best of them is a grey line across each group.
        title: of the plot.
    """
    from matplotlib.figure import Figure

    low, high = names(figure)
    table = slices.dropna(subset=figure)
    if not len(table):
        return note(f"{title}: no row has a figure")
    frames = table.groupby("value")["frames"].max().sort_values(ascending=False, kind="stable")
    kept = set(frames.index[:MOST])
    name = str(table["slice"].iloc[0])
    values = [value for _, value in ordered({name: {str(value) for value in kept}})]
    rows = [model for model in dict.fromkeys(table["model"]) if model not in controls]
    looks = styles(sorted({*table["model"]}), controls)
    step = max(len(rows), 1) * ROW + BETWEEN
    drawing = Figure(figsize=(8.2, 1.3 + max(step * len(values), 0.2 * len(rows))), layout="constrained")
    axes = drawing.add_subplot()
    labels = []
    for place, value in enumerate(values):
        top = place * step
        here = table[table["value"] == value]
        few = bool(here["few"].iloc[0])
        labels.append(f"{plain(value)}  ({frames[value]}{', few' if few else ''})")
        chance = here.loc[here["model"].isin(controls), figure].max()
        if chance == chance:  # not NaN
            axes.plot([chance, chance], [top, top + step - BETWEEN], color=GREY, linewidth=2.5, alpha=0.6, zorder=1)
        if place:
            axes.axhline(top - BETWEEN / 2, color=FAINT, linewidth=0.6, zorder=0)
        for number, model in enumerate(rows):
            one = here[here["model"] == model]
            if not len(one):
                continue
            look, height = looks[model], top + (number + 0.5) * ROW
            at, ends = one[figure].iloc[0], (one[low].iloc[0], one[high].iloc[0])
            axes.plot(ends, [height, height], color=look.colour, linewidth=1.1, zorder=2)
            face = "white" if few else look.colour
            axes.plot(
                at, height, color=look.colour, marker=look.marker, markersize=5.5, markerfacecolor=face, linestyle="",
                label=model if place == 0 else None, zorder=3,
            )  # fmt: skip
    axes.set(xlim=(0, 1), xlabel=f"{spoken(figure)}, with its 95 % interval over places", title=title)
    axes.set_ylim(len(values) * step - BETWEEN / 2, -BETWEEN / 2)
    axes.set_yticks([place * step + (step - BETWEEN) / 2 for place in range(len(values))], labels)
    axes.tick_params(axis="y", length=0)
    bare(axes)
    _legend(drawing, rows, looks, any(table["model"].isin(controls)))
    if len(frames) > MOST:
        drawing.supxlabel(f"{MOST} of {len(frames)} values: those with most frames", fontsize="small", color=GREY)
    return drawing


def _legend(drawing: Figure, rows: list[str], looks: dict, chance: bool) -> None:  # type: ignore[type-arg]
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [], [], color=looks[model].colour, marker=looks[model].marker, markersize=5.5, linewidth=1.1, label=model
        )
        for model in rows
    ]
    if chance:
        handles.append(Line2D([], [], color=GREY, linewidth=2.5, alpha=0.6, label="best control"))
    drawing.legend(handles=handles, loc="outside right upper", frameon=False, fontsize="small")
