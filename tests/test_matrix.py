"""Every model on every dataset that has what it needs; docs/systems.md shows what runs."""

from __future__ import annotations

from pathlib import Path

import matrix
import pytest
from conftest import REPOSITORY


@pytest.mark.matrix
@pytest.mark.parametrize("title", matrix.SETS)
def test_what_runs_is_what_the_page_says(title, tmp_path):
    found = matrix.run(title, tmp_path / "set", matrix.write_networks(tmp_path / "networks"))
    assert found == _page()[title]


def _page() -> dict[str, dict[str, str]]:
    """The table of the page, by column and row."""
    lines = Path(REPOSITORY / "docs/systems.md").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| | `urbansas`"))
    titles = [cell.strip().strip("`") for cell in lines[start].strip("|").split("|")[1:]]
    cells: dict[str, dict[str, str]] = {title: {} for title in titles}
    for line in lines[start + 2 :]:
        if not line.startswith("| `"):
            break
        name, *row = (cell.strip() for cell in line.strip().strip("|").split("|"))
        for title, cell in zip(titles, row, strict=True):
            cells[title][name.strip("`")] = cell
    return cells


def test_the_page_has_every_model_and_every_format():
    from flowgrad.datasets.registry import FORMATS

    page = _page()
    assert list(page) == list(matrix.SETS)
    assert {matrix.format_of(title) for title in page} >= set(FORMATS.built_in) - {"streets", "csv"}
    assert all(list(rows) == matrix.ROWS for rows in page.values())
