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
from flowgrad.figures.beside import counted
from flowgrad.figures.boxes import BRIGHT, DIM, TRUE, with_boxes
from flowgrad.figures.choice import liveliest, loudness, stir
from flowgrad.figures.overlay import overlay
from flowgrad.figures.sheet import CELL, GAP, LINE, Cell, fitted, sheet, shortened
from flowgrad.models.registry import get_model
from flowgrad.models.rows import Row
from flowgrad.protocols import PAPER
from flowgrad.stages import pictures

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


def passing_clip(path: Path, first: int, last: int, loud: tuple[float, float], size=(96, 160)) -> Path:
    """A clip of 3 s, 8 pictures a second, in which a square moves from one picture to another; with a tone."""
    import av

    ground = np.random.default_rng(0).integers(60, 120, (size[1], size[0], 3), np.uint8)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=8)
        video.width, video.height, video.pix_fmt, video.options = *size, "yuv420p", {"crf": "12"}
        audio = container.add_stream("aac", rate=44100, layout="mono")
        for number in range(24):
            picture = ground.copy()
            left = 4 + 6 * min(max(number - first, 0), last - first)
            picture[40:80, left : left + 30] = (230, 200, 60)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        time = np.arange(3 * 44100) / 44100
        tone = 0.5 * np.sin(2 * np.pi * 300 * time) * ((loud[0] <= time) & (time < loud[1]))
        frame = av.AudioFrame.from_ndarray(tone[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return path


def shown_at(drawn: np.ndarray, row: int, video: Path) -> list[int]:
    """The frames of a tall video that a row of a sheet may show: those that look the same."""
    tall = round(96 * CELL[1] / 160), CELL[1]
    there = cell(drawn, row, 0, tall)
    frames = [picture.rgb() for picture in media.pictures(media.inspect(video))]
    return [number for number, frame in enumerate(frames) if np.array_equal(fitted(frame), there)]


def test_videos_without_annotations_are_shown_where_most_moves(workflow, tmp_path):
    """A tall video, one of a single frame (no flow, so no map), a name that fills the caption and is not ASCII."""
    root = tmp_path / "videos"
    root.mkdir()
    passing_clip(root / "a-tall.mp4", 15, 20, (0, 0.5))
    make_clip(root / "b-single.mp4", seconds=0.125, size=(96, 160))
    passing_clip(root / f"c-{'straße-' * 12}.mp4", 2, 7, (2, 2.5))
    config = {"dataset": {"format": "videos", "root": str(root)}, "models": ["flow"], "protocols": ["paper"]}
    run = workflow(config)
    assert run.status == 0, run.output
    drawn = np.asarray(Image.open(run.folder / "results/pictures/paper/00001.png"))
    tall = round(96 * CELL[1] / 160), CELL[1]
    for row, (video, lively) in enumerate(zip(sorted(root.iterdir()), ((15, 20), (0, 0), (2, 7)), strict=True)):
        (number,) = shown_at(drawn, row, video)
        assert lively[0] <= number <= lively[1]
        bare = np.array_equal(cell(drawn, row, 1, tall), cell(drawn, row, 0, tall))
        assert bare == (row == 1), "where there is no map, the bare frame"


def test_without_flow_they_are_shown_where_it_is_loudest(tmp_path):
    video = passing_clip(tmp_path / "a.mp4", 12, 22, (2, 2.5))
    drawn = draw(tmp_path, "", {"a": video}, frames=24)
    (number,) = shown_at(drawn, 0, video)
    assert 16 <= number <= 20


def test_a_camera_that_pans_is_not_what_moves():
    still, pan = np.zeros((1, 2, 40, 40)), np.full((1, 2, 40, 40), 5.0)
    passing = np.zeros((1, 2, 40, 40))
    passing[:, 0, 10:20, 10:20] = 3
    np.testing.assert_allclose(
        stir(np.concatenate([still, pan, passing, pan + passing])), [0, 0, 0.1875, 0.143], atol=0.05
    )
    assert stir(np.hypot(passing[:, 0], passing[:, 1]))[0] == stir(passing)[0]


def test_what_lasts_one_frame_is_not_the_liveliest():
    assert liveliest(np.array([0, 50, 0, 0, 1, 2, 2, 0])) == 5
    assert liveliest(np.array([1.0, 1, 1.1, 1.1, 1, 1, 1])) == 3, "nothing stands out: the middle"
    assert liveliest(np.array([1.0])) == 0
    assert liveliest(np.array([0.0, 2])) == 1
    tone = np.sin(np.arange(8000) * 0.3) * (np.arange(8000) // 1000 == 5)
    assert liveliest(loudness(tone, 8000, 8, 8)) in (5, 6)
    np.testing.assert_array_equal(loudness(np.empty(0), 8000, 3, 8), 0)


TOPLINE = get_model("yolo-topline")


def draw(folder: Path, detections: str, videos: dict[str, Path], frames: int = 16) -> np.ndarray:
    """Draw a sheet of the detector's rows from hand-made tables."""
    clips = [{"name": name, "video": str(path), "video_sha256": ""} for name, path in videos.items()]
    (folder / "shard.json").write_text(json.dumps({"version": 1, "clips": clips}))
    header = "video,status,reason,frames,width,height,sound_s,sound_reason,anchor_s,published_flow\n"
    rows = "".join(f"{name},ok,,{frames},{SIZE[0]},{SIZE[1]},,,,0\n" for name in videos)
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
        flow_in=None,
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
    assert counted(ADAPTIVE, 0.5, truth, rising).sum() == 90 * 160 // 4 - 1
    assert not counted(ADAPTIVE, 0.5, None, rising).any()
    assert counted(FIXED, 0.5, None, rising).any()


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
