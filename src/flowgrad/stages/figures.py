"""Stage ``figures``: plots and tables of a finished run, for its report. What cannot be drawn says why."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from flowgrad import artifacts
from flowgrad.costs import by_step, disk, finished_jobs
from flowgrad.evaluation.curve import success_curves
from flowgrad.evaluation.intervals import names
from flowgrad.figures.costs import costs_figure
from flowgrad.figures.page import Figure as Cell
from flowgrad.figures.page import Table, page
from flowgrad.figures.slices import slice_figure
from flowgrad.figures.style import DPI, note
from flowgrad.figures.success import success_figure
from flowgrad.places import places_of
from flowgrad.schemas.sources import FIGURES
from flowgrad.standing import DIGITS, best, figures_of, spoken

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

LOOKED_AT = ("pictures", "figures", "page", "overlays", "logs")
"""The folders that only people read, or that are not done when this is asked."""
SHOWING = ("sheet", "success", "slice_figures", "gallery", "tables_page", "page_part", "page_index", "overlay")
"""The rules that fill them."""

PREFERRED = ("auc", "success_at_0_5", "mean_ciou")
"""The figure that slices are drawn by: the first of these that there is, else the table's first."""
NAMED = 50
"""Clips that are listed with their reason; the others are counted."""


def run_success(*, frames_in: Path, plan_in: Path, protocol: str, controls: Collection[str], out: Path) -> None:
    """Draw the success curves of a protocol's rows.

    Args:
        frames_in: ``frames.csv``.
        plan_in: the clips with their places.
        protocol: its name.
        controls: the rows that are chance.
        out: PNG.
    """
    title = f"Success rate by cIoU threshold, protocol {protocol}"
    frames = read_scored(frames_in)
    if frames is None:
        write_figure(note(f"{title}: no curve, for ciou is not among the metrics of the run"), out)
        return
    place_of = places_of(plan_in)
    curves = success_curves(frames[frames["protocol"] == protocol], place_of)
    write_figure(success_figure(curves, controls, title), out)
    log.info("%d rows", curves["model"].nunique())


def read_scored(path: Path) -> pd.DataFrame | None:
    """Return ``model``, ``protocol``, ``video`` and ``ciou`` of ``frames.csv``; None where it has no cIoU.

    Names are kept once: ten million rows take some hundred MB.
    """
    kinds = {"model": "category", "protocol": "category", "video": "category", "ciou": "float64"}
    if "ciou" not in pd.read_csv(path, nrows=0).columns:
        return None
    return pd.read_csv(path, usecols=list(kinds), dtype=kinds, keep_default_na=False, na_values={"ciou": [""]})


def run_slices(*, slices_in: Path, protocol: str, controls: Collection[str], out: Path) -> None:
    """Draw one figure of a protocol's rows by kind of frame, a picture a slice, into a folder.

    Args:
        slices_in: ``slices.csv``.
        protocol: its name.
        controls: the rows that are chance.
        out: the folder; it has no picture where no item is of any kind.
    """
    table = pd.read_csv(slices_in, keep_default_na=False, na_values=[""], dtype={"value": "str", "slice": "str"})
    figures = [name for name in table if {*names(name)} <= {*table}]
    out.mkdir(parents=True, exist_ok=True)
    figure = next((name for name in PREFERRED if name in figures), figures[0] if figures else "")
    table = table[table["protocol"] == protocol]
    for name, some in table.groupby("slice", sort=False):
        title = f"{spoken(figure)} by {name}, protocol {protocol}"
        write_figure(slice_figure(some, figure, controls, title), out / f"{str(name).replace('/', '_')}.png")
    log.info("%d slices", table["slice"].nunique())


def run_costs(*, logs_in: Path, clips_in: Path, out: Path) -> None:
    """Draw what the jobs of a run took, and the disk of its results, but for what only people look at.

    Args:
        logs_in: the folder of the logs; that around it is measured.
        clips_in: ``clips.csv``.
        out: PNG.
    """
    clips = int((artifacts.read_table(clips_in, {"frames": "int64"})["frames"] > 0).sum())
    jobs = [job for job in finished_jobs(logs_in) if job.step not in SHOWING]
    folders = {name: size for name, size in disk(logs_in.parent).items() if name not in LOOKED_AT}
    write_figure(costs_figure(by_step(jobs), folders, clips), out)
    log.info("%d jobs", len(jobs))


def run_tables(
    *,
    summary_in: Path | None,
    listening_in: Path | None,
    sources_in: Path | None,
    clips_in: Path,
    controls: Collection[str],
    dataset: str,
    out: Path,
) -> None:
    """Write the tables of a run as one page.

    Args:
        summary_in: ``summary.csv``; None for a dataset without annotations.
        listening_in: ``listening.csv``; None where no row was asked.
        sources_in: ``sources.csv``; None where no row tells parts apart.
        clips_in: ``clips.csv``.
        controls: the rows that are chance.
        dataset: its format, as in the configuration.
        out: HTML.
    """
    tables: list[Table] = []
    if summary_in is None:
        why = f"There is no table of figures: the dataset ({dataset}) has no annotations to score."
        tables.append(Table("Figures", why, (), ()))
    else:
        tables += summary_tables(artifacts.read_table(summary_in), controls)
    if sources_in is not None:
        tables += _sources(artifacts.read_table(sources_in))
    if listening_in is not None:
        tables.append(_listening(artifacts.read_table(listening_in)))
    tables.append(_clips(artifacts.read_table(clips_in, {"video": "str", "status": "str", "reason": "str"})))
    artifacts.write_text(out, page(f"Tables of the run, dataset {dataset}", tables))
    log.info("%d tables", len(tables))


def summary_tables(summary: pd.DataFrame, controls: Collection[str]) -> Iterator[Table]:
    """Yield the table of each protocol: figures with their intervals, the best in bold, controls below a rule."""
    figures = figures_of(summary)
    for protocol, some in summary.groupby("protocol", sort=False):
        leading = best(some, figures, controls)
        rows: dict[bool, list[list[Cell]]] = {False: [], True: []}
        for row in _by_rank(some).itertuples(index=False):
            values = row._asdict()
            cells = [Cell(row.model), Cell(str(row.frames), f"{row.skipped} skipped" if row.skipped else "")]
            cells += [_figure(values, name, (row.model, name) in leading) for name in figures]
            rows[row.model in controls].append(cells)
        places = some["places"].max() if "places" in some else 0
        text = f"Small: 95 % intervals over {places} places. Bold: the best of its column, controls left out."
        text += " Below the rule: controls, which look at nothing or have learnt nothing."
        columns = ["row", "frames", *map(spoken, figures)]
        yield Table(f"Protocol {protocol}", text, columns, rows[False], rows[True])


def _by_rank(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a summary, the best area first where there is one."""
    return rows.sort_values("auc", ascending=False, kind="stable") if "auc" in rows else rows


def _figure(row: dict[str, Any], name: str, leads: bool = False, sign: str = "") -> Cell:
    value, low, high = row[name], *(row.get(bound, float("nan")) for bound in names(name))
    if pd.isna(value):
        return Cell("-")
    below = "" if pd.isna(low) else f"{low:{sign}.{DIGITS}f} to {high:{sign}.{DIGITS}f}"
    return Cell(f"{value:{sign}.{DIGITS}f}", below, leads)


def _sources(sources: pd.DataFrame) -> Iterator[Table]:
    questions = {
        "frame_wise": ("Several sources, all together", "cIoU of all parts that count with all sources together."),
        "source_wise": (
            "Several sources, each alone",
            "Each source with the part that fits it best: an oracle, which grows with the number of parts.",
        ),
    }
    for kind, (heading, text) in questions.items():
        figures = [f"{kind}_{name}" for name in FIGURES]
        rows = [
            [
                *(Cell(str(row[name])) for name in ("model", "protocol", "which", "items", "skipped")),
                *(Cell(f"{row[name]:.2f}") for name in ("mean_sources", "mean_parts")),
                *(_figure(row, name) for name in figures),
            ]
            for row in sources.to_dict("records")
        ]
        columns = ["row", "protocol", "which items", "items", "skipped", "sources", "parts"]
        yield Table(heading, text, [*columns, *map(spoken, FIGURES)], rows)


def _listening(listening: pd.DataFrame) -> Table:
    text = "By how much mean cIoU falls when a row hears something else. A row that loses nothing is deaf: it would"
    text += " show the same whatever is heard."
    rows = [
        [
            Cell(row["model"]),
            Cell(row["protocol"]),
            Cell(f"{row['mean_ciou_own']:.{DIGITS}f}"),
            _figure(row, "gain_over_mean_sound", sign="+"),
            _figure(row, "gain_over_foreign_sound", sign="+"),
            Cell("deaf" if row["deaf"] else "listens" if row["places"] > 1 else "one place: not known"),
        ]
        for row in listening.to_dict("records")
    ]
    columns = ["row", "protocol", "own sound", "over the mean of all sounds", "over a foreign sound", ""]
    return Table("What its own sound is worth to a row", text, columns, rows)


def _clips(clips: pd.DataFrame) -> Table:
    counts = clips["status"].value_counts()
    text = f"{len(clips)} clips: " + ", ".join(f"{counts[name]} {name}" for name in counts.index) + "."
    said = clips[clips["reason"].notna()].sort_values("status", kind="stable")
    if len(said) > NAMED:
        text += f" {NAMED} of {len(said)} with a reason or a note are listed; clips.csv has all."
    rows = [[Cell(row.video), Cell(row.status), Cell(row.reason)] for row in said.head(NAMED).itertuples(index=False)]
    return Table("Clips", text, ("clip", "status", "reason or note"), rows, words=True)


def write_figure(figure: Figure, out: Path) -> None:
    """Write a figure as PNG, whole or not at all; the same figure is the same file."""
    with artifacts.replacing(out) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})
