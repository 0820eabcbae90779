"""What a run says when it ends well: the table, and one line that counts the clips."""

from __future__ import annotations

from pathlib import Path

from flowgrad import artifacts

SHOWN = ("model", "protocol", "frames", "skipped", "success_at_0_3", "success_at_0_5", "auc", "mean_ciou")


def summary_text(results: Path) -> str:
    """Return ``metrics/summary.csv`` as an aligned text, the columns of the paper's table first."""
    table = artifacts.read_table(results / "metrics/summary.csv")[list(SHOWN)]
    return str(table.to_string(index=False, float_format=lambda value: f"{value:.3f}", na_rep="-"))


def count_clips(clips: Path) -> str:
    """Return the one line that counts the clips of ``clips.csv`` by status."""
    table = artifacts.read_table(clips, {"status": "str"})
    counts = table["status"].value_counts()
    parts = [f"{counts[name]} {name}" for name in ("ok", "skipped", "failed") if name in counts]
    return f"{len(table)} clips: {', '.join(parts)} (reasons in {clips})"


def closing_lines(results: str | Path, labelled: bool) -> list[str]:
    """Return the lines that end a run; empty where nothing was asked for that has them."""
    results = Path(results)
    lines = []
    if labelled and (results / "metrics/summary.csv").is_file():
        lines += ["", summary_text(results), ""]
    if (results / "clips.csv").is_file():
        lines.append(count_clips(results / "clips.csv"))
    return lines
