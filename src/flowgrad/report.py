"""What a run says at its end: the table and what became of the clips, or which jobs failed and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flowgrad import artifacts

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
CLIPS = {"video": "str", "status": "str", "reason": "str"}
NAMED = 5
"""Clips, or jobs, that are named; the others are counted."""
SLURM = "slurm"
"""The folder beside the jobs' logs in which a cluster's profile has SLURM write its own."""


def summary_text(results: Path) -> str:
    """Return ``metrics/summary.csv`` as an aligned text, the columns of the paper's table first."""
    table = artifacts.read_table(results / "metrics/summary.csv", SHOWN)[list(SHOWN)]
    return str(table.to_string(index=False, float_format=lambda value: f"{value:.3f}", na_rep="-"))


def clip_lines(clips: Path) -> list[str]:
    """Return a line that counts the clips of ``clips.csv`` by status, and one for each of the first bad ones."""
    table = artifacts.read_table(clips, CLIPS)
    counts = table["status"].value_counts()
    parts = [f"{counts[name]} {name}" for name in ("ok", "skipped", "failed") if name in counts]
    remarks = ((table["status"] == "ok") & table["reason"].notna()).sum()
    if remarks:
        parts[0] += f" ({remarks} with a word)"
    lines = [f"{len(table)} clips: {', '.join(parts)} (reasons in {clips})"]
    # what failed before what is only left out
    bad = table[table["status"] != "ok"].sort_values("status", kind="stable")
    lines += [f"  {clip.status:7} {clip.video}: {clip.reason}" for clip in bad.head(NAMED).itertuples(index=False)]
    if len(bad) > NAMED:
        lines.append(f"  and {len(bad) - NAMED} more: {clips}")
    return lines


def closing_lines(results: str | Path, labelled: bool) -> list[str]:
    """Return the lines that end a run; empty where nothing was asked for that has them."""
    results = Path(results)
    lines = []
    if labelled and (results / "metrics/summary.csv").is_file():
        lines += ["", summary_text(results), ""]
    if (results / "clips.csv").is_file():
        lines += clip_lines(results / "clips.csv")
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
    elif ends and "status=failed" in ends[-1]:
        yield lines[-1].strip()
