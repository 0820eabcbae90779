"""What the last run shows: its rows, noted in ``results/plan/rows.json`` as it starts its first job.

Maps, flow and boxes of rows that are no longer configured stay where they are, so that nothing is done again when the
rows come back; whoever shows results asks here which of them are the last run's. What only people read goes as soon as
it is out of date: sheets of protocols and clips that went, and the table of a run that scores nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from flowgrad import artifacts
from flowgrad.errors import InputError
from flowgrad.plan import Plan

TABLES = ("metrics/frames.csv", "metrics/summary.csv")
FIGURES = {"success": "success.png", "slice_figures": "slices", "gallery": "gallery"}
"""The rules that draw figures of a protocol, and what they make in its folder."""


@dataclass(frozen=True)
class Rows:
    """What a run makes.

    Attributes:
        models: the rows of its table.
        protocols: under which they are scored.
        maps: protocol and model of the maps that it makes.
        flow: the kinds of flow that it keeps (:mod:`flowgrad.flow.forms`).
        estimator: which estimates the flow.
        detections: whether it detects.
    """

    models: list[str]
    protocols: list[str]
    maps: list[tuple[str, str]]
    flow: list[str]
    estimator: str
    detections: bool


def rows_of(results: Path) -> Rows | None:
    """Return what the last run of a results folder shows; None where nobody noted it.

    Raises ``InputError`` where an earlier version made the folder.
    """
    path = _file(results)
    if not path.is_file():
        return None
    known = artifacts.read_json(path)
    if known.keys() != {field.name for field in fields(Rows)}:
        raise InputError(
            f"{results.absolute()} is of an earlier version of flowgrad; run it again in another folder, or read its"
            " tables as they are"
        )
    return Rows(**known | {"maps": [tuple(pair) for pair in known["maps"]]})


def note_rows(results: Path, rows: Rows) -> None:
    """Note what a run shows."""
    artifacts.write_json(_file(results), asdict(rows))


def remove_outdated(
    results: Path,
    sheets: Collection[tuple[str, str]],
    labelled: bool,
    protocols: Collection[str],
    sliced: bool,
    shards: Collection[str] = (),
) -> None:
    """Remove sheets, figures and tables that earlier runs made and that this one does not.

    Only to be called where no other run writes. A file goes where a log says that a job made it, and the log with it.

    Args:
        results: the results folder.
        sheets: protocol and shard of each sheet that the run has.
        labelled: whether it has a table.
        protocols: those that it has.
        sliced: whether it has a table of slices.
        shards: those that hold a present clip, for its page.
    """
    has = {"success": labelled, "slice_figures": sliced, "gallery": True}
    for rule, name in FIGURES.items():
        for log in list(results.glob(f"logs/{rule}/*.log")):
            if not has[rule] or log.stem not in protocols:
                made = results / "figures" / log.stem / name
                shutil.rmtree(made, ignore_errors=True)
                _remove(made)
                _remove(log)
    for log in list(results.glob("logs/sheet/*/*.log")):
        protocol, shard = log.parent.name, log.stem
        if (protocol, shard) not in sheets:
            _remove(results / "pictures" / protocol / f"{shard}.png")
            _remove(log)
    for log in list(results.glob("logs/page_part/*.log")):
        if log.stem not in shards:
            for part in results.glob(f"page/{log.stem}*"):
                shutil.rmtree(part) if part.is_dir() else part.unlink()
            _remove(log)
    summary_log = results / "logs/summary.log"
    if not labelled and summary_log.is_file():
        for table in TABLES:
            _remove(results / table)
        _remove(summary_log)


def _remove(path: Path) -> None:
    """Remove a file, and its folder where nothing else is in it."""
    path.unlink(missing_ok=True)
    if path.parent.is_dir() and not any(path.parent.iterdir()):
        path.parent.rmdir()


def _file(results: Path) -> Path:
    return Plan(results).folder / "rows.json"
