"""What a run says at its end: the table and what became of the clips, or which jobs failed and why."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowgrad.evaluation.consensus_iou import CIOU
from flowgrad.evaluation.intervals import names
from flowgrad.evaluation.slices import ordered
from flowgrad.results import open_results
from flowgrad.schemas.slices import FEW_FRAMES, FEW_PLACES

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
WIDTH = 120
"""Columns of the terminal that a table takes at most; what is wider goes on in a block below."""
SIGNIFICANT = 0.05
LEADING_ZERO = re.compile(r"^([+-]?)0\.")
NAMED = 5
"""Clips, or jobs, that are named; the others are counted."""
SLURM = "slurm"
"""The folder beside the jobs' logs in which a cluster's profile has SLURM write its own."""


def summary_text(summary: pd.DataFrame) -> str:
    """Return the summary as an aligned text: the figures of the paper's table, then others, each with its interval."""
    figures = [name for name in summary if name in CIOU.columns or {*names(name)} <= {*summary}]
    counts = [name for name in SHOWN if name not in figures]
    ordered = sorted(figures, key=lambda name: list(CIOU.columns).index(name) if name in CIOU.columns else len(SHOWN))
    rows = [
        [str(row[name]) for name in counts]
        + [_with_interval(row[name], *(row.get(bound, math.nan) for bound in names(name))) for name in ordered]
        for _, row in summary.iterrows()
    ]
    return _aligned([[*counts, *ordered], *rows], fixed=2)


def differences_text(differences: pd.DataFrame) -> str:
    """Return how the rows differ from the reference as an aligned text, a column a figure."""
    figures = list(dict.fromkeys(differences["figure"]))
    rows = [
        [model, protocol]
        + [
            _with_interval(gap.difference, gap.difference_low, gap.difference_high, "+")
            + ("*" if gap.p_corrected < SIGNIFICANT else " ")
            for gap in some.itertuples(index=False)
        ]
        for (model, protocol), some in differences.groupby(["model", "protocol"])
    ]
    reference = differences["reference"].iloc[0]
    return "\n".join(
        [
            f"difference to {reference} on the same frames (* p < {SIGNIFICANT} after Holm's correction):",
            _aligned([["model", "protocol", *(f"{name} " for name in figures)], *rows], fixed=2),
        ]
    )


def slices_text(slices: pd.DataFrame, figure: str) -> str:
    """Return one figure of every row on the items of each kind, a block a slice."""
    blocks = []
    for name, some in slices.groupby("slice", sort=False):
        values = [value for _, value in ordered({str(name): set(some["value"])})]
        rows = [
            [str(model), str(protocol), *(_of_kind(row[row["value"] == value], figure) for value in values)]
            for (model, protocol), row in some.groupby(["model", "protocol"])
        ]
        blocks.append(_aligned([["model", "protocol", *(f"{name}: {value} " for value in values)], *rows], fixed=2))
    few = f"~ fewer than {FEW_FRAMES} frames or {FEW_PLACES} places: not to go by"
    return "\n\n".join([f"{figure} by kind of frame, how many frames in brackets ({few})", *blocks])


def _of_kind(row: pd.DataFrame, figure: str) -> str:
    """Return a figure and its number of frames, marked where there are few; ``-`` where there is none."""
    if not len(row) or math.isnan(row[figure].iloc[0]):
        return "- "
    return f"{row[figure].iloc[0]:.3f} ({row['frames'].iloc[0]}){'~' if row['few'].iloc[0] else ' '}"


def _with_interval(value: float, low: float, high: float, sign: str = "") -> str:
    """Return a figure with its interval, as short as three digits can be."""
    if math.isnan(value):
        return "-"
    if math.isnan(low):
        return f"{value:{sign}.3f}"
    ends = [LEADING_ZERO.sub(r"\1.", f"{bound:{sign}.3f}") for bound in (low, high)]
    return f"{value:{sign}.3f} ({' '.join(ends) if sign else '-'.join(ends)})"


def _aligned(rows: Sequence[Sequence[str]], fixed: int) -> str:
    """Return cells as aligned text, the header first; columns past ``WIDTH`` go into further blocks.

    The first ``fixed`` columns lead every block.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lead, waiting, blocks = list(range(fixed)), list(range(fixed, len(widths))), []
    while waiting:
        taken = lead + waiting[:1]
        for column in waiting[1:]:
            if sum(widths[place] + 1 for place in (*taken, column)) > WIDTH:
                break
            taken.append(column)
        waiting = waiting[len(taken) - fixed :]
        blocks.append("\n".join(" ".join(row[place].rjust(widths[place]) for place in taken).rstrip() for row in rows))
    return "\n\n".join(blocks)


def listening_lines(listening: pd.DataFrame) -> list[str]:
    """Return a line a model that was asked under other sounds: what its own sound is worth to it."""
    return [
        f"{row.model} ({row.protocol}) {'is deaf' if row.deaf else 'listens' if row.places > 1 else 'was asked'}:"
        f" mean cIoU {row.mean_ciou_own:.3f}; {_gain(row, 'mean_sound')} over the mean of all sounds,"
        f" {_gain(row, 'foreign_sound')} over a foreign one"
        for row in listening.itertuples(index=False)
    ]


def _gain(row: Any, sound: str) -> str:
    gain = f"gain_over_{sound}"
    return _with_interval(getattr(row, gain), getattr(row, f"{gain}_low"), getattr(row, f"{gain}_high"), "+")


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
        if not results.outdated and len(results.differences):
            lines += [differences_text(results.differences), ""]
        if not results.outdated and len(results.listening):
            lines += [*listening_lines(results.listening), ""]
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
