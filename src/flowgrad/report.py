"""What a run says when it ends well: the table, and one line that counts the clips."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flowgrad.results import open_results

if TYPE_CHECKING:
    import pandas as pd

SHOWN = ("model", "protocol", "frames", "skipped", "success_at_0_3", "success_at_0_5", "auc", "mean_ciou")


def summary_text(summary: pd.DataFrame) -> str:
    """Return the summary as an aligned text, the columns of the paper's table first."""
    table = summary[list(SHOWN)]
    return str(table.to_string(index=False, float_format=lambda value: f"{value:.3f}", na_rep="-"))


def count_clips(clips: pd.DataFrame, file: Path) -> str:
    """Return the one line that counts the clips of ``clips.csv``, which is ``file``, by status."""
    counts = clips["status"].value_counts()
    parts = [f"{counts[name]} {name}" for name in ("ok", "skipped", "failed") if name in counts]
    return f"{len(clips)} clips: {', '.join(parts)} (reasons in {file})"


def closing_lines(folder: str | Path) -> list[str]:
    """Return the lines that end a run; empty where nothing was asked for that has them.

    Raises ``InputError`` where ``folder`` is no results folder.
    """
    results = open_results(folder)
    lines = []
    if results.has_table:
        lines += ["", results.outdated or summary_text(results.summary), ""]
    if results.clips_file.is_file():
        lines.append(count_clips(results.clips, results.clips_file))
    return lines
