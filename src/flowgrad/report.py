"""What a run says at its end: the table and what became of the clips, or which jobs failed and why."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowgrad.evaluation.consensus_iou import CIOU
from flowgrad.evaluation.intervals import names
from flowgrad.evaluation.slices import ordered
from flowgrad.models.registry import CONTROLS
from flowgrad.results import open_results
from flowgrad.schemas.slices import FEW_FRAMES, FEW_PLACES
from flowgrad.schemas.summary import PICTURES
from flowgrad.standing import best, figures_of

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 120
"""Columns of a table where nobody knows how wide the terminal is; what is wider goes on in a block below."""
DIGITS, FEWER = 3, 2
"""Of the ends of an interval: fewer where the figures do not fit beside each other with all."""
SIGNIFICANT = 0.05
LEADING_ZERO = re.compile(r"^([+-]?)0\.")
NAMED = 5
"""Clips, or jobs, that are named; the others are counted."""
SLURM = "slurm"
"""The folder beside the jobs' logs in which a cluster's profile has SLURM write its own."""


def terminal_width() -> int:
    """Return the columns of the terminal, or of the variable ``COLUMNS``; 120 where there is neither."""
    return max(shutil.get_terminal_size((WIDTH, 0)).columns, 40)


def summary_text(summary: pd.DataFrame) -> str:
    """Return the summary as aligned text, a block a protocol: the best area first, controls below a rule.

    Each figure has its interval. A star marks the best of its column among the rows that are no controls.
    """
    figures = figures_of(summary)
    blocks = []
    for protocol, some in summary.groupby("protocol", sort=False):
        rows = some.sort_values("auc", ascending=False, kind="stable") if "auc" in some else some
        rows = rows.sort_values("model", key=lambda models: models.isin(CONTROLS), kind="stable")
        counts = [name for name in ("frames", "skipped", *PICTURES) if name in rows]
        # what all rows share is said once
        shared = {name: int(rows[name].iloc[0]) for name in counts if len(set(rows[name])) == 1}
        said = [f"{count} {name.replace('_', ' ')}" for name, count in shared.items() if count or name == "frames"]
        said += [f"{rows['places'].max()} places"] if "places" in rows else []
        own = [name for name in counts if name not in shared]
        leading = best(rows, figures, CONTROLS)

        def lines(digits: int, rows: Any = rows, own: Any = own, leading: Any = leading) -> list[list[str]]:
            return [
                [str(row["model"]), *(str(row[name]) for name in own)]
                + [
                    _interval(row, name, digits, mark="*" if (row["model"], name) in leading else " ")
                    for name in figures
                ]
                for row in rows.to_dict("records")
            ]

        able = int((~rows["model"].isin(CONTROLS)).sum())
        table = _fitted(["model", *own, *figures], lines, rule=able if able < len(rows) else None)
        blocks.append(f"protocol {protocol}: {', '.join(said)}\n{table}")
    return "\n\n".join([*blocks, "in brackets: 95 % intervals over places; * best of its column, controls left out"])


def differences_text(differences: pd.DataFrame) -> str:
    """Return how the rows differ from the reference as aligned text, a block a protocol, a column a figure."""
    figures = list(dict.fromkeys(differences["figure"]))
    reference = differences["reference"].iloc[0]
    blocks = [f"difference to {reference} on the same frames (* p < {SIGNIFICANT} after Holm's correction)"]
    for protocol, some in differences.groupby("protocol", sort=False):

        def lines(digits: int, some: Any = some) -> list[list[str]]:
            return [
                [str(model)]
                + [
                    _interval(gap, "difference", digits, "+", "*" if gap["p_corrected"] < SIGNIFICANT else " ")
                    for gap in row.to_dict("records")
                ]
                for model, row in some.groupby("model")
            ]

        blocks.append(f"protocol {protocol}\n{_fitted(['model', *figures], lines)}")
    return "\n\n".join(blocks)


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


def _interval(row: Mapping[str, Any], name: str, digits: int, sign: str = "", mark: str = "") -> str:
    """Return a figure of a row, its mark, and its interval as short as it can be."""
    value, low, high = row[name], *(row.get(bound, math.nan) for bound in names(name))
    if math.isnan(value):
        return "-"
    if math.isnan(low):
        return f"{value:{sign}.3f}{mark}"
    ends = [LEADING_ZERO.sub(r"\1.", f"{bound:{sign}.{digits}f}") for bound in (low, high)]
    return f"{value:{sign}.3f}{mark or ' '}({' '.join(ends) if sign else '-'.join(ends)})"


def _fitted(
    header: Sequence[str], lines: Callable[[int], list[list[str]]], fixed: int = 1, rule: int | None = None
) -> str:
    """Return rows as aligned text; ``lines`` gives them for the digits that the ends of intervals have."""
    whole = _aligned([header, *lines(DIGITS)], fixed, rule)
    # more than one block: fewer digits may spare one
    return _aligned([header, *lines(FEWER)], fixed, rule) if "\n\n" in whole else whole


def _aligned(rows: Sequence[Sequence[str]], fixed: int, rule: int | None = None) -> str:
    """Return cells as aligned text, the header first; columns past the terminal's width go into further blocks.

    Args:
        rows: the header, and the rows.
        fixed: so many columns, which are words, lead every block.
        rule: so many rows stand above a line.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lead, waiting, blocks = list(range(fixed)), list(range(fixed, len(widths))), []
    most = terminal_width()
    while waiting:
        taken = lead + waiting[:1]
        for column in waiting[1:]:
            if sum(widths[place] + 2 for place in (*taken, column)) - 2 > most:
                break
            taken.append(column)
        waiting = waiting[len(taken) - fixed :]
        lines = [
            "  ".join(
                row[place].ljust(widths[place]) if place < fixed else row[place].rjust(widths[place]) for place in taken
            ).rstrip()
            for row in rows
        ]
        if rule is not None:
            lines.insert(1 + rule, "-" * (sum(widths[place] + 2 for place in taken) - 2))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def listening_lines(listening: pd.DataFrame) -> list[str]:
    """Return a line a model that was asked under other sounds: what its own sound is worth to it."""
    return [
        f"{row['model']} ({row['protocol']})"
        f" {'is deaf' if row['deaf'] else 'listens' if row['places'] > 1 else 'was asked'}:"
        f" mean cIoU {row['mean_ciou_own']:.3f}; {_gain(row, 'mean_sound')} over the mean of all sounds,"
        f" {_gain(row, 'foreign_sound')} over a foreign one"
        for row in listening.to_dict("records")
    ]


def sources_text(sources: pd.DataFrame) -> str:
    """Return the figures of models that tell parts apart, a block for all sources together, a block for each alone."""
    blocks = []
    for kind, question in (
        ("frame_wise", "all sources together"),
        ("source_wise", "each source with the map that fits it best, an oracle that grows with the number of parts"),
    ):
        figures = [f"{kind}_{name}" for name in CIOU.columns[:3]]

        def lines(digits: int, figures: Any = figures) -> list[list[str]]:
            return [
                [str(row[name]) for name in ("model", "protocol", "which", "items", "skipped")]
                + [f"{row['mean_sources']:.2f}", f"{row['mean_parts']:.2f}"]
                + [_interval(row, name, digits) for name in figures]
                for row in sources.to_dict("records")
            ]

        header = ["model", "protocol", "which", "items", "skipped", "sources", "parts"]
        shown = [name.removeprefix(f"{kind}_") for name in figures]
        blocks.append(f"{kind.replace('_', '-')}: {question}\n{_fitted([*header, *shown], lines, fixed=2)}")
    return "\n\n".join(blocks)


def _gain(row: Mapping[str, Any], sound: str) -> str:
    return _interval(row, f"gain_over_{sound}", DIGITS, "+")


def arithmetic_line(arithmetic: Mapping[tuple[str, str], list[tuple[str, str]]]) -> str:
    """Return how the networks of a table computed; which rows did so, where there are several ways."""
    names = {"openvino": "OpenVINO"}
    ways = {
        f"{precision} through {names.get(engine, engine)}": rows for (precision, engine), rows in arithmetic.items()
    }
    if len(ways) == 1:
        return f"networks: {next(iter(ways))}"
    parts = [f"{way} ({', '.join(f'{model} {protocol}' for protocol, model in rows)})" for way, rows in ways.items()]
    return f"networks: {'; '.join(parts)}"


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
        if not results.outdated and results.arithmetic:
            lines[-1:] = [arithmetic_line(results.arithmetic), ""]
        if not results.outdated and len(results.differences):
            lines += [differences_text(results.differences), ""]
        if not results.outdated and len(results.listening):
            lines += [*listening_lines(results.listening), ""]
        if not results.outdated and len(results.sources):
            lines += [sources_text(results.sources), ""]
    elif results.arithmetic:
        lines.append(arithmetic_line(results.arithmetic))
    if results.clips_file.is_file():
        lines += clip_lines(results.clips, results.clips_file.absolute())
    # whole paths: a run's working folder is not where its command was given
    first = {
        results.folder.absolute() / name: what
        for name, what in (
            ("index.html", "the page"),
            ("pictures", "what each row makes of a few clips"),
            ("metrics/summary.csv", "the table"),
        )
        if (results.folder / name).exists() and (results.has_table or what != "the table")
    }
    if lines and first:
        width = max(len(str(place)) for place in first)
        lines += ["", "look first at", *(f"  {str(place).ljust(width)}  {what}" for place, what in first.items())]
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
