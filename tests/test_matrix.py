"""Every model on every dataset that has what it needs; docs/systems.md shows what runs."""

from __future__ import annotations

import re
from pathlib import Path

import matrix
import pandas as pd
import pytest
from conftest import REPOSITORY

FEW = ("flow", "rcgrad", "hear-the-flow", "coarse-to-fine", "yolo-baseline", "centre-box")
"""Motion, networks that listen in different ways, a detector, a control."""
WHOLE = ("urbansas", "vggss")
"""The layouts on which every model runs each time: one of videos, one of stills."""


@pytest.mark.matrix
@pytest.mark.parametrize("title", matrix.SETS)
def test_what_runs_is_what_the_page_says(title, narrow, tmp_path):
    """Every layout, and every model on a layout of either kind."""
    rows = matrix.ROWS if title in WHOLE else FEW
    found = matrix.run(title, tmp_path / "set", networks(narrow), rows=rows)
    assert found == {name: cell for name, cell in _page()[title].items() if name in rows}
    if title == "audioset-instruments":
        told = pd.read_csv(tmp_path / "set/work/results/metrics/sources.csv").set_index(["model", "which"])
        assert told.loc[("coarse-to-fine", "several"), ["items", "mean_sources"]].tolist() == [2, 2]
        assert told.loc[("coarse-to-fine", "all"), "items"] == 3


@pytest.mark.every_cell
@pytest.mark.parametrize("title", [title for title in matrix.SETS if title not in WHOLE])
def test_every_cell_is_what_the_page_says(title, narrow, tmp_path):
    rows = [name for name in matrix.ROWS if name not in FEW]
    found = matrix.run(title, tmp_path / "set", networks(narrow), rows=rows)
    assert found == {name: cell for name, cell in _page()[title].items() if name in rows}


def networks(folder: Path) -> dict[str, str]:
    """The files of a folder by key of ``checkpoints``."""
    return {path.stem: str(path) for path in folder.glob("*.pt")}


def _page() -> dict[str, dict[str, str]]:
    """The table of the page, by set and model."""
    lines = Path(REPOSITORY / "docs/systems.md").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| | A |"))
    groups: dict[str, list[str]] = {}
    for line in lines[start:]:
        item = re.match(r"- ([A-Z]): ", line)
        if item:
            groups[item[1]] = []
        elif groups and not line.startswith("  "):
            break
        if groups:
            groups[list(groups)[-1]] += re.findall(r"`([\w-]+)`", line)
    page: dict[str, dict[str, str]] = {}
    for line in lines[start + 2 :]:
        if not line.startswith("| `"):
            break
        title, *cells = (cell.strip() for cell in line.strip().strip("|").split("|"))
        of = {name: cell for letter, cell in zip(groups, cells, strict=True) for name in groups[letter]}
        page[title.strip("`")] = {name: of[name] for name in matrix.ROWS}
    return page


def test_the_page_has_every_model_and_every_format():
    from flowgrad.datasets.registry import FORMATS

    page = _page()
    assert list(page) == list(matrix.SETS)
    assert {matrix.format_of(title) for title in page} >= set(FORMATS.built_in)
