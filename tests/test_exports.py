"""``flowgrad export``: other tools read what a run found, and find the same numbers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import flowgrad
from flowgrad.cli import main
from flowgrad.export.boxes import regions

MAP = 224


def exported(finished: Path, folder: Path, *more: str) -> dict:
    out = folder / "boxes.json"
    assert main(["export", "coco", str(finished / "results"), str(out), *more]) == 0
    return json.loads(out.read_text())


def boxes_by_frame(made: dict) -> dict[tuple[str, int], np.ndarray]:
    """Corners of the boxes of each frame that has any, by clip and frame."""
    at = {image["id"]: (image["video"], image["frame"]) for image in made["images"]}
    found: dict[tuple[str, int], list] = {}
    for one in made["annotations"]:
        x, y, w, h = one["bbox"]
        found.setdefault(at[one["image_id"]], []).append((x, y, x + w, y + h))
    return {key: np.array(boxes) for key, boxes in found.items()}


def test_detections_are_those_of_the_run(finished, tmp_path):
    made = exported(finished, tmp_path)
    results = flowgrad.open_results(finished / "results")
    found = boxes_by_frame(made)
    total = 0
    for clip in ("apple", "berry"):
        table = results.detections(clip, "paper")
        total += len(table)
        for frame, rows in table.groupby("frame"):
            np.testing.assert_allclose(found[clip, int(frame)], rows[["x1", "y1", "x2", "y2"]], atol=2e-3)
    assert total == len(made["annotations"]) > 0
    assert {(image["width"], image["height"]) for image in made["images"]} == {(160, 96)}
    assert [image["time_s"] for image in made["images"] if image["video"] == "berry"] == [k / 8 for k in range(24)]


def test_truth_is_what_the_protocol_scores(finished, tmp_path):
    """The square's box, on the frames that frames.csv scores, under numbers that other boxes have, too."""
    truth = exported(finished, tmp_path, "--boxes", "truth")
    frames = pd.read_csv(finished / "results/metrics/frames.csv")
    scored = frames[frames["protocol"] == "paper"][["video", "frame"]].drop_duplicates()
    assert {(image["video"], image["frame"]) for image in truth["images"]} == set(
        scored.itertuples(index=False, name=None)
    )
    left = (5 + 3 * 24) % 130
    np.testing.assert_array_equal(boxes_by_frame(truth)["apple", 8], [[left, 30, left + 30, 60]])
    assert {one["category_id"] for one in truth["annotations"]} == {1}
    assert truth["categories"][0]["name"] == "car"
    detected = exported(finished, tmp_path, "--scored")
    assert detected["images"] == truth["images"]


def test_boxes_of_a_row_go_around_what_counts(finished, tmp_path):
    """Rasterised again, the boxes cover all pixels that count, and each edge of them touches one."""
    made = boxes_by_frame(exported(finished, tmp_path, "--boxes", "flow"))
    maps, _ = flowgrad.open_results(finished / "results").heatmaps("apple", "flow")
    for frame in range(len(maps)):
        low, high = maps[frame].min(), maps[frame].max()
        counted = (maps[frame] - low) / (high - low) >= 0.5
        covered = np.zeros((MAP, MAP), bool)
        for x1, y1, x2, y2 in made["apple", frame]:
            part = (
                slice(round(y1 / 96 * MAP), round(y2 / 96 * MAP)),
                slice(round(x1 / 160 * MAP), round(x2 / 160 * MAP)),
            )
            inside = counted[part]
            assert all(edge.any() for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))
            covered[part] = True
        assert covered[counted].all()


def test_regions_that_touch_at_a_corner_are_one():
    mask = np.array([[1, 0, 0, 0], [0, 1, 0, 1]], bool)
    assert regions(mask, np.arange(8).reshape(2, 4), (40, 20)) == [(0, 0, 20, 20, 5), (30, 10, 10, 10, 7)]
    assert regions(np.zeros((2, 4), bool), np.zeros((2, 4)), (40, 20)) == []


def test_supervision_reads_it(finished, tmp_path):
    supervision = pytest.importorskip("supervision")
    made = exported(finished, tmp_path, "--boxes", "truth", "--images", str(tmp_path / "images"))
    read = supervision.DetectionDataset.from_coco(str(tmp_path / "images"), str(tmp_path / "boxes.json"))
    assert len(read) == len(made["images"]) > 0
    assert read.classes[0] == "car"
    for path, picture, boxes in read:
        assert picture.shape == (96, 160, 3)
        (box,) = boxes.xyxy.astype(int)
        # the square, in OpenCV's order of colours
        inside = picture[box[1] + 4 : box[3] - 4, box[0] + 4 : box[2] - 4].mean(axis=(0, 1))
        assert np.abs(inside - (60, 200, 230)).max() < 25, path


def test_the_table_is_the_same_in_parquet(finished, tmp_path):
    import polars

    out = tmp_path / "frames.parquet"
    assert main(["export", "parquet", str(finished / "results"), str(out)]) == 0
    table, known = polars.read_parquet(out), flowgrad.open_results(finished / "results").frames
    assert table.columns == list(known.columns)
    kinds = {"frame": polars.Int64} | dict.fromkeys(("model", "protocol", "video", "status"), polars.String)
    assert dict(table.schema) == {name: kinds.get(name, polars.Float64) for name in known.columns}
    for name in known.columns:
        assert table[name].to_list() == [None if value != value else value for value in known[name]], name


def test_parquet_lies_beside_the_table_and_has_the_last_run_alone(finished, tmp_path, capsys):
    import polars

    results = tmp_path / "results"
    shutil.copytree(finished / "results", results)
    rows = json.loads((results / "plan/rows.json").read_text())
    (results / "plan/rows.json").write_text(json.dumps(rows | {"models": ["flow"]}))
    assert main(["export", "parquet", str(results)]) == 0
    assert capsys.readouterr().out.strip() == str(results / "metrics/frames.parquet")
    assert set(polars.read_parquet(results / "metrics/frames.parquet")["model"]) == {"flow"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["coco", "{results}"], "name the file to write"),
        (["coco", "{results}", "x.txt"], "x.txt: end its name in .json: x.json"),
        (["coco", "{results}", "x.json", "--boxes", "flwo"], "did you mean flow?"),
        (["coco", "{results}", "x.json", "--boxes", "yolo-topline"], "yolo-topline makes no maps"),
        (["coco", "{results}", "x.json", "--protocol", "released"], "the last run had no protocol 'released'"),
        (["coco", "{results}", "x.json", "--boxes", "flow", "--protocol", "mine"], "results keep no rules"),
        (["parquet", "{results}", "--boxes", "flow"], "--boxes is of coco"),
        (["csv", "{results}"], "invalid choice: 'csv'"),
    ],
)
def test_a_mistake_is_one_sentence(finished, tmp_path, monkeypatch, capsys, given, words):
    monkeypatch.chdir(tmp_path)
    assert main(["export", *(word.format(results=finished / "results") for word in given)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert not list(tmp_path.iterdir())


def test_a_run_that_did_not_end_says_what_is_missing(finished, tmp_path, capsys):
    results = tmp_path / "results"
    shutil.copytree(finished / "results", results)
    (results / "heatmaps/paper/flow/00002.h5").unlink()
    shutil.rmtree(results / "metrics")
    for given, words in (
        (["coco", str(results), str(tmp_path / "x.json"), "--boxes", "flow"], "did not come to 'berry'"),
        (["parquet", str(results)], "is not there yet"),
    ):
        assert main(["export", *given]) == 2
        assert words in capsys.readouterr().err
