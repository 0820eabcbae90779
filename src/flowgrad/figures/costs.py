"""What a run took, as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from flowgrad.costs import Job
from flowgrad.figures.style import COLOURS, bare

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BAR = 0.27
"""Inches."""
MEGABYTE = 1e6


def costs_figure(steps: Mapping[str, Sequence[Job]], folders: Mapping[str, int], clips: int) -> Figure:
    """Draw the processor time of every step and the disk of every folder.

    Args:
        steps: the jobs of each step.
        folders: bytes by folder.
        clips: how many were decoded.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.2, 1.8 + BAR * (max(len(steps), 1) + max(len(folders), 1))), layout="constrained")
    axes, disk = figure.subplots(2, 1, height_ratios=[max(len(steps), 1), max(len(folders), 1)])
    worked = {name: sum(job.processor_seconds for job in jobs) for name, jobs in steps.items()}
    total, most = sum(worked.values()), max((job.memory_mb for jobs in steps.values() for job in jobs), default=0)
    _bars(
        axes,
        worked,
        [_said(value, steps[name]) for name, value in worked.items()],
        COLOURS[0],
    )
    clip = f", {total / clips:.1f} s a clip" if clips else ""
    axes.set(title=f"processor time: {total:.0f} s{clip}; a job held {most} MB at most", xlabel="s of one core")
    sizes = dict(sorted(folders.items(), key=lambda folder: -folder[1]))
    megabytes = {f"{name}/": size / MEGABYTE for name, size in sizes.items()}
    _bars(disk, megabytes, [f"{value:.1f} MB" for value in megabytes.values()], COLOURS[4])
    space = sum(megabytes.values())
    clip = f", {space / clips:.1f} MB a clip" if clips else ""
    disk.set(title=f"disk: {space:.0f} MB{clip}", xlabel="MB")
    return figure


def _said(seconds: float, jobs: Sequence[Job]) -> str:
    number = f"{len(jobs)} job{'s' if len(jobs) > 1 else ''}"
    return f"{seconds:.{0 if seconds >= 10 else 1}f} s in {number}, at most {max(job.memory_mb for job in jobs)} MB"


def _bars(axes: Axes, values: Mapping[str, float], words: Sequence[str], colour: str) -> None:
    bars = axes.barh(list(values), list(values.values()), color=colour, height=0.7)
    axes.bar_label(bars, words, padding=4, fontsize="small")
    axes.set_ylim(len(values) - 0.4, -0.6)
    # room for the longest label
    axes.set_xlim(0, 1.45 * max([*values.values(), 1e-9]))
    bare(axes)
