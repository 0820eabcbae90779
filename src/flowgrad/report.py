"""What a run says at its end: the table and what became of the clips, or which jobs failed and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from flowgrad.evaluation.consensus_iou import CIOU
from flowgrad.results import open_results
from flowgrad.schemas.summary import SUMMARY

if TYPE_CHECKING:
    import pandas as pd

SHOWN = {
    "model": "str",
    "protocol": "str",
    "frames": "int64",
    "skipped": "int64",
    "success_at_0_3": "float64",
    "success_at_0_5": "float64",
    "auc": "float64",
    "mean_ciou": "float64",
}
NAMED = 5
"""Clips, or jobs, that are named; the others are counted."""
SLURM = "slurm"
"""The folder beside the jobs' logs in which a cluster's profile has SLURM write its own."""


def summary_text(summary: pd.DataFrame) -> str:
    """Return the summary as an aligned text: the columns of the paper's table, then those of other metrics."""
    table = summary[[*SHOWN, *(name for name in summary if name not in (*SHOWN, *SUMMARY, *CIOU.columns))]]
    return str(table.to_string(index=False, float_format=lambda value: f"{value:.3f}", na_rep="-"))


def clip_lines(clips: pd.DataFrame, file: Path) -> list[str]:
    """Return a line that counts the clips of ``file`` by status, and one for each of the first bad ones."""
    counts = clips["status"].value_counts()
    parts = [f"{counts[name]} {name}" for name in ("ok", "skipped", "failed") if name in counts]
    remarks = ((clips["status"] == "ok") & clips["reason"].notna()).sum()
    if remarks:
        parts[0] += f" ({remarks} with a note)"
    lines = [f"{len(clips)} clips: {', '.join(parts)} (reasons in {file})"]
    # what failed before what is only left out
    bad = clips[clips["status"] != "ok"].sort_values("status", kind="stable")
    lines += [f"  {clip.status:7} {clip.video}: {clip.reason}" for clip in bad.head(NAMED).itertuples(index=False)]
    if len(bad) > NAMED:
        lines.append(f"  and {len(bad) - NAMED} more: {file}")
    return lines


def closing_lines(folder: str | Path) -> list[str]:
    """Return the lines that end a run; empty where nothing was asked for that has them.

    Raises ``InputError`` where ``folder`` is no results folder.
    """
    results = open_results(folder)
    lines = []
    if results.has_table:
        lines += ["", results.outdated or summary_text(results.summary), ""]
    if results.clips_file.is_file():
        lines += clip_lines(results.clips, results.clips_file)
    return lines


def failure_lines(logs: Path, since: float) -> list[str]:
    """Return a line for each of the first jobs that failed, made from the logs that changed since a time (s)."""
    failed = [
        f"  {log.relative_to(logs).with_suffix('')}: {reason} ({log})"
        for log in sorted(logs.rglob("*.log"))
        # what SLURM itself wrote of a job repeats the job's log
        if log.relative_to(logs).parts[0] != SLURM and log.stat().st_mtime >= since
        for reason in _failure(log)
    ]
    if not failed:
        return [f"a job failed before its work began; {logs / SLURM} or .snakemake/log says why"]
    more = [f"  and {len(failed) - NAMED} more: {logs}"] if len(failed) > NAMED else []
    return [f"{len(failed)} job{'s' if len(failed) > 1 else ''} failed:", *failed[:NAMED], *more]


def _failure(log: Path) -> Iterator[str]:
    """Give why the job of a log failed; nothing where it did not, or another program wrote the log."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    ends = [line for line in lines if " status=" in line]
    if not ends and any(" INFO flowgrad." in line for line in lines):
        yield "ended without a word, as a job does that is killed or has no more memory"
    elif ends and "status=failed reason=" in ends[-1]:
        yield ends[-1].partition("reason=")[2]
    elif ends and "status=failed error=" in ends[-1]:
        yield ends[-1].partition("error=")[2]
