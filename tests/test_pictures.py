"""The sheets of pictures: the right frame, the right boxes, what the protocol counts, and nothing else redone."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import make_clip
from PIL import Image
from test_generated import SIZE, moving_square

from flowgrad import media
from flowgrad.evaluation.thresholds import ADAPTIVE, FIXED
from flowgrad.figures.boxes import with_boxes
from flowgrad.figures.overlay import overlay
from flowgrad.figures.sheet import CELL, GAP, LINE, Cell, fitted, sheet, shortened
from flowgrad.models.registry import get_model
from flowgrad.models.rows import Row
from flowgrad.protocols import PAPER
from flowgrad.stages import pictures
from flowgrad.stages.pictures import BRIGHT, DIM, TRUE

SMALL = CELL[0], CELL[0] * SIZE[1] // SIZE[0]


def frame_of(video: Path, number: int) -> np.ndarray:
    return next(picture.rgb() for picture in media.pictures(media.inspect(video)) if picture.number == number)


def cell(picture: np.ndarray, row: int, column: int, size: tuple[int, int] = SMALL) -> np.ndarray:
    """The picture of a cell on a sheet whose pictures are all of one size."""
    left = GAP + column * (CELL[0] + GAP) + (CELL[0] - size[0]) // 2
    top = GAP + LINE + row * (size[1] + LINE + GAP)
    return picture[top : top + size[1], left : left + size[0]]


def has(picture: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((picture == colour).all(axis=-1).any())


def test_a_sheet_shows_the_frame_whose_true_boxes_are_largest(workflow, tmp_path):
    root = moving_square(tmp_path / "data", "apple", "berry", "cherry")
    table = root / "annotations/video_annotations.csv"
    lines = table.read_text().splitlines()
    larger = [line.replace(",30,30,30,1,car", ",30,40,40,1,car") if "berry,1.5," in line else line for line in lines]
    assert lines != larger
    table.write_text("\n".join(larger) + "\n")
    config = {"dataset": {"root": str(root)}, "models": ["flow", "whole-frame"], "frames": "annotated", "pictures": 2}
    run = workflow(config)
    assert run.status == 0, run.output
    assert run.jobs["sheet"] == 2
    for protocol in ("paper", "released"):
        drawn = np.asarray(Image.open(run.folder / f"results/pictures/{protocol}/00001.png"))
        width = GAP + 3 * (CELL[0] + GAP)
        assert drawn.shape == (2 * GAP + LINE + 2 * (SMALL[1] + LINE + GAP), width, 3), "a title, two rows, no third"
        # apple: all boxes are equal, the earliest scored frame is at 0.5 s; berry: the larger box is at 1.5 s
        for row, (clip, number, side) in enumerate((("apple", 4, 30), ("berry", 12, 40))):
            left = (5 + 3 * (3 * number) + 11 * row) % (SIZE[0] - 30)
            small = fitted(frame_of(root / f"clips/{clip}.mp4", number))
            expected = with_boxes(small, [(left, 30, side, side)], SIZE, TRUE)
            np.testing.assert_array_equal(cell(drawn, row, 0), expected)
            np.testing.assert_array_equal(cell(drawn, row, 2), with_boxes(small, [(0, 0, *SIZE)], SIZE, BRIGHT))
            x, y = (round(centre * CELL[0] / SIZE[0]) for centre in (left + 15, 45))
            heat = np.abs(cell(drawn, row, 1).astype(int) - small).sum(axis=-1)
            inside = heat[y - 30 : y + 30, max(x - 30, 0) : x + 30].mean()
            assert inside > 2 * heat.mean(), "the overlay lies on what moves"

    assert workflow(config).nothing_to_do
    assert workflow(config | {"pictures": 1}).jobs == {"sheet": 2}, "no frame is decoded for the pipeline again"
    assert workflow(config | {"pictures": 0}).nothing_to_do


def test_videos_without_annotations_are_shown_at_their_middle(workflow, tmp_path):
    """A tall video, one of a single frame (no flow, so no map), a name that fills the caption and is not ASCII."""
    root = tmp_path / "videos"
    root.mkdir()
    make_clip(root / "a-tall.mp4", seconds=1, size=(96, 160))
    make_clip(root / "b-single.mp4", seconds=0.125, size=(96, 160))
    make_clip(root / f"c-{'straße-' * 12}.mp4", seconds=2, size=(96, 160), sound=False)
    config = {"dataset": {"format": "videos", "root": str(root)}, "models": ["flow"], "protocols": ["paper"]}
    run = workflow(config)
    assert run.status == 0, run.output
    drawn = np.asarray(Image.open(run.folder / "results/pictures/paper/00001.png"))
    tall = round(96 * CELL[1] / 160), CELL[1]
    for row, (video, middle) in enumerate(zip(sorted(root.iterdir()), (4, 0, 8), strict=True)):
        small = fitted(frame_of(video, middle))
        np.testing.assert_array_equal(cell(drawn, row, 0, tall), small)
        assert np.array_equal(cell(drawn, row, 1, tall), small) == (row == 1), "where there is no map, the bare frame"


TOPLINE = get_model("yolo-topline")


def draw(folder: Path, detections: str, videos: dict[str, Path]) -> np.ndarray:
    """Draw a sheet of the detector's rows from hand-made tables."""
    clips = [{"name": name, "video": str(path), "video_sha256": ""} for name, path in videos.items()]
    (folder / "shard.json").write_text(json.dumps({"version": 1, "clips": clips}))
    header = "video,status,reason,frames,width,height,sound_s,sound_reason,anchor_s,published_flow\n"
    rows = "".join(f"{name},ok,,16,{SIZE[0]},{SIZE[1]},,,,0\n" for name in videos)
    (folder / "status.csv").write_text(header + rows)
    header = "video,frame,time_s,x1,y1,x2,y2,label,confidence,moving\n"
    (folder / "detections.csv").write_text(header + detections)
    pictures.run(
        shard_in=folder / "shard.json",
        root=folder,
        status_in=folder / "status.csv",
        rows=[Row(TOPLINE, "paper", TOPLINE.needs(PAPER))],
        thresholds={},
        protocol_name="paper",
        protocol=PAPER,
        maps_in={},
        detections_in=folder / "detections.csv",
        annotations_in=None,
        scores_in=None,
        count=4,
        out=folder / "sheet.png",
    )
    return np.asarray(Image.open(folder / "sheet.png"))


def test_moving_boxes_are_bright_and_standing_ones_dim(tmp_path):
    video = make_clip(tmp_path / "a.mp4")
    standing, moving = "{},8,1,10,10,40,60,car,0.9,0\n", "{},8,1,60,10,90,60,car,0.9,1\n"
    elsewhere = "{},7,0.875,60,10,90,60,car,0.9,1\n"
    clips = {"both": standing + moving, "standing": standing, "none": elsewhere, "gone": moving}
    videos = {name: tmp_path / "gone.mp4" if name == "gone" else video for name in clips}
    drawn = draw(tmp_path, "".join(text.replace("{}", name) for name, text in clips.items()), videos)
    for row, (bright, dim) in enumerate([(True, True), (False, True), (False, False)]):
        assert has(cell(drawn, row, 1), BRIGHT) == bright
        assert has(cell(drawn, row, 1), DIM) == dim
    assert drawn.shape[0] == 2 * GAP + LINE + 3 * (SMALL[1] + LINE + GAP), "a clip whose video went away has no row"


def test_the_outline_of_a_rule_that_needs_the_truth_is_made_with_it():
    """The truth is as large as a map, the picture as the sheet; where there is no truth there is no outline."""
    rising = np.arange(90 * 160, dtype=np.float32).reshape(1, 90, 160)
    truth = np.zeros((224, 224), np.float32)
    truth[:, :56] = 1
    assert pictures._counted(ADAPTIVE, 0.5, truth, rising).sum() == 90 * 160 // 4 - 1
    assert not pictures._counted(ADAPTIVE, 0.5, None, rising).any()
    assert pictures._counted(FIXED, 0.5, None, rising).any()


def test_a_shard_without_pictures_has_a_sheet_that_says_so(tmp_path):
    drawn = draw(tmp_path, "", {"gone": tmp_path / "gone.mp4"})
    assert drawn.shape[0] < 100
    assert drawn[GAP + LINE :].max() > 100, "there is a line of text"


def test_the_outline_is_what_the_protocol_counts():
    """Raw maps are thresholded as they are: a faint one has no outline, however it looks when it is normalised."""
    frame = np.zeros((90, 160, 3), np.uint8)
    y, x = np.mgrid[-1:1:224j, -1:1:224j]
    faint = (0.4 * np.exp(-4 * (x**2 + y**2))).astype(np.float32)
    bare = overlay(frame, faint, lambda maps: np.zeros(maps.shape, bool))
    assert not np.array_equal(overlay(frame, faint), bare)
    np.testing.assert_array_equal(overlay(frame, faint, normalised=False), bare)
    reached = overlay(frame, 2 * faint, normalised=False) != bare
    place = cv2.resize(2 * faint, (160, 90))[reached.any(axis=-1)]
    assert np.abs(place - 0.5).max() < 0.15


@pytest.mark.parametrize("text", ["", "short", "a-very-long-name_" * 9 + "  12.500 s"])
def test_captions_fit_and_keep_their_end(text):
    short = shortened(text, 320)
    assert short == text or (len(short) < len(text) and short.endswith("12.500 s") and "..." in short)
    with pytest.raises(ValueError, match="expected 2 cells each, got 1"):
        sheet(["one", "two"], [[Cell(np.zeros((2, 2, 3), np.uint8))]])
