"""Results in a notebook: the pictures show the moment that was asked for, and docs/notebook.ipynb runs."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import REPOSITORY, sound_of

import flowgrad
from flowgrad import media
from flowgrad.errors import InputError
from flowgrad.figures.boxes import TRUE
from flowgrad.figures.sheet import CELL, GAP, LINE, fitted

NOTEBOOK = REPOSITORY / "docs/notebook.ipynb"
MOST_BYTES = 1 << 20
STREETS = {"labelled": 3, "unlabelled": 0, "seconds": 2, "width": 160, "height": 90, "frames_per_second": 8}


def cells(picture: np.ndarray) -> list[np.ndarray]:
    """The pictures of a sheet of one row, whose frames are 160x96."""
    height = CELL[0] * 96 // 160
    columns = (picture.shape[1] - GAP) // (CELL[0] + GAP)
    lefts = [GAP + column * (CELL[0] + GAP) for column in range(columns)]
    return [picture[GAP + LINE : GAP + LINE + height, left : left + CELL[0]] for left in lefts]


def test_a_moment_is_shown_beside_its_truth(finished):
    results = flowgrad.open_results(finished / "results")
    truth, flow, motion, boxes = cells(np.asarray(results.show("apple", 1.05)))
    frame = next(p for p in media.pictures(media.inspect(finished / "data/clips/apple.mp4")) if p.number == 8).rgb()
    bare = fitted(frame).astype(int)
    lined = (truth == TRUE).all(axis=-1)
    left = (5 + 3 * 24) % 130
    rows, columns = np.nonzero(lined)
    edges = np.array([columns.min(), rows.min(), columns.max(), rows.max()]) / 2
    np.testing.assert_allclose(edges, (left, 30, left + 30, 60), atol=1.5)
    np.testing.assert_array_equal(truth[~lined], bare[~lined])
    for drawn in (flow, motion):
        heat = np.abs(drawn - bare).sum(axis=-1)
        assert heat[60:120, 2 * left : 2 * left + 60].mean() > 2 * heat.mean()
    assert boxes.shape == truth.shape
    only = cells(np.asarray(results.show("apple", 1.0, models=["motion"])))
    assert len(only) == 2
    np.testing.assert_array_equal(only[1], motion)


def test_what_cannot_be_shown_is_said(finished, tmp_path):
    results = flowgrad.open_results(finished / "results")
    for given, words in (
        (("aple", 1), "did you mean 'apple'"),
        (("apple", 99), "apple has frames from 0 to 2.875 s, got 99"),
        (("apple", 1, ["moton"]), "did you mean motion"),
        (("apple", 1, None, "released"), "has no maps of protocol released; it has paper, robust"),
    ):
        with pytest.raises(InputError, match=words):
            results.show(*given)


def test_a_video_is_shown_with_its_sound(finished, tmp_path):
    results = flowgrad.open_results(finished / "results")
    shown = results.overlay("apple", models=["flow", "motion"])
    (tag,) = re.findall(r'src="data:video/mp4;base64,([^"]+)"', shown._repr_html_())
    (tmp_path / "shown.mp4").write_bytes(base64.b64decode(tag))
    assert next(media.pictures(media.inspect(tmp_path / "shown.mp4"))).size[0] == 320
    assert abs(len(sound_of(tmp_path / "shown.mp4")) / 16000 - 3) < 0.1
    results.overlay("apple", output=tmp_path / "kept.mp4")
    assert media.inspect(tmp_path / "kept.mp4").sound is not None


def test_without_ipython_a_sentence_says_what_to_install(finished, monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    with pytest.raises(InputError, match=r"pip install ipython.*flowgrad overlay"):
        flowgrad.open_results(finished / "results").overlay("apple")


def test_the_notebook_runs(tmp_path):
    """On streets that are rendered here: every cell, and each picture and the video are there."""
    import nbformat
    from nbclient import NotebookClient

    config = {"dataset": {"format": "streets"}, "streets": STREETS, "models": ["flow", "motion"]}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(config | {"protocols": ["paper"], "pictures": 0}))
    command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile", "--directory", tmp_path]
    command += ["--configfile", tmp_path / "my.yaml", "--cores", "2"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    made = [kinds_of(cell) for cell in notebook.cells if cell.cell_type == "code"]
    assert made == kinds_as_committed()
    assert {"image/png", "text/html"} <= set().union(*made)


def kinds_of(cell) -> set[str]:
    return {kind for output in cell.outputs for kind in output.get("data", {})}


def kinds_as_committed() -> list[set[str]]:
    import nbformat

    return [kinds_of(cell) for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]


def test_the_notebook_is_kept_as_it_ran():
    text = NOTEBOOK.read_text()
    assert len(text) < MOST_BYTES
    assert all(kinds_as_committed()), "every cell has its output"
    assert "error" not in re.findall(r'"output_type": "(\w+)"', text)
    assert not re.search(r"(?<![\w/])/(home|root|tmp|work)/", text), "no folder of the machine it ran on"
    assert Path(NOTEBOOK).with_name("python.md").is_file()
