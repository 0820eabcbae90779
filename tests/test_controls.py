"""The controls: rows that look at nothing, and a dataset whose clips have the sound of another."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import make_clip, network_settings
from test_generated import SIZE, moving_square

import flowgrad
from flowgrad.cli import main
from flowgrad.datasets.controls import derangement
from flowgrad.errors import InputError
from flowgrad.evaluation.ground_truth import rasterise
from flowgrad.models.controls import centre_box, whole_frame
from flowgrad.models.registry import DEFAULT_MODELS
from flowgrad.protocols import PAPER, RELEASED

AREA = SIZE[0] * SIZE[1]
SQUARE = 30 * 30


@pytest.mark.parametrize("protocol", [PAPER, RELEASED])
@pytest.mark.parametrize("size", [(160, 96), (1279, 719), (3, 7), (400, 225)])
def test_they_cover_what_they_say_to_the_pixel(size, protocol):
    assert rasterise(whole_frame(*size), *size, protocol).all()
    mask = rasterise(centre_box(*size), *size, protocol)
    assert mask[56:168, 56:168].all()
    assert mask.sum() == 112 * 112


def test_rows_that_look_at_nothing(workflow, tmp_path):
    """Added by name, they redo no map, are scored on the same frames, and score what arithmetic says they must."""
    root = moving_square(tmp_path / "data", "apple")
    config = {"dataset": {"root": str(root)}, "models": ["flow"], "frames": "annotated", "pictures": 0}
    before = workflow(config)
    assert before.status == 0, before.output
    alone = pd.read_csv(before.folder / "results/metrics/frames.csv")
    named = workflow(config | {"models": ["flow", "whole-frame", "centre-box"]})
    assert named.status == 0, named.output
    assert named.jobs == {"score": 1, "summary": 1, "slices": 1}
    frames = pd.read_csv(named.folder / "results/metrics/frames.csv")
    # a column of whole numbers is read as such where no other row has a fraction
    flow = frames[frames["model"] == "flow"].reset_index(drop=True)
    pd.testing.assert_frame_equal(flow, alone.astype(flow.dtypes))
    assert set(frames["status"]) == {"ok"}

    whole = frames[frames["model"] == "whole-frame"]
    assert list(whole.groupby("protocol").size()) == [5, 5]
    np.testing.assert_allclose(whole["ciou"], SQUARE / AREA, atol=0.002)
    left = (5 + 3 * (whole["time_s"] * 24)) % (SIZE[0] - 30)
    # the square is 30 wide and lies between the box's upper and lower edge; the box spans 40..120 of 160
    hit = 30 * (np.minimum(left + 30, 120) - np.maximum(left, 40)).clip(lower=0)
    expected = hit / (AREA / 4 + SQUARE - hit)
    np.testing.assert_allclose(frames.loc[frames["model"] == "centre-box", "ciou"], expected, atol=0.005)


def test_they_are_no_models_that_run_by_themselves():
    assert len(DEFAULT_MODELS) == 9
    assert not {"whole-frame", "centre-box"} & set(DEFAULT_MODELS)
    with pytest.raises(InputError, match="whole-frame is a control"):
        flowgrad.load_model("whole-frame")


def pitch(path: Path) -> float:
    """The loudest frequency of a 16-bit mono WAV file."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 44100)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return float(np.abs(np.fft.rfft(samples)).argmax() * 44100 / len(samples))


def test_every_clip_sounds_like_another(tmp_path, capsys):
    """What is heard is the donor's tone; who has no sound stays without; the dataset itself is not touched."""
    root = moving_square(tmp_path / "data", "apple", "berry", "cherry")
    make_clip(root / "clips/mute.mp4", sound=False)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    out = tmp_path / "shuffled"
    assert main(["shuffle-sound", str(root), str(out), "--seed", "3"]) == 0
    *lines, closing = capsys.readouterr().out.splitlines()
    assert "3 clips with another's sound, 1 without sound" in closing
    donors = dict(line.split(" sounds like ") for line in lines)
    assert donors.keys() == set(donors.values()) == {"apple", "berry", "cherry"}
    for name, donor in donors.items():
        assert name != donor
        # conftest.make_clip: the tone rises by 40 Hz a letter
        assert pitch(out / f"audio/{name}.wav") == pytest.approx(220 + 40 * (ord(donor[0]) - ord("a")), abs=1)
        assert (out / f"video/video_24fps/{name}.mp4").resolve() == root / f"clips/{name}.mp4"
    assert not (out / "audio/mute.wav").exists()
    assert (out / "video/video_24fps/mute.mp4").is_symlink()
    for table in ("video_annotations.csv", "audio_annotations.csv"):
        assert (out / "annotations" / table).read_bytes() == (root / "annotations" / table).read_bytes()
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before

    assert main(["shuffle-sound", str(root), str(tmp_path / "again"), "--seed", "3"]) == 0
    assert capsys.readouterr().out.splitlines()[:-1] == lines, "the seed decides"


def test_what_cannot_be_shuffled_is_refused(tmp_path, capsys):
    root = moving_square(tmp_path / "data", "apple")
    make_clip(root / "clips/mute.mp4", sound=False)
    out = tmp_path / "out"
    out.mkdir()
    assert main(["shuffle-sound", str(root), str(out)]) == 2
    assert "1 of its clips have sound; a swap needs two" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == [root, out], "nothing is left behind"
    (out / "mine.txt").write_text("mine")
    assert main(["shuffle-sound", str(root), str(out)]) == 2
    assert "exists and is not an empty folder" in capsys.readouterr().err
    assert main(["shuffle-sound", str(tmp_path / "nowhere"), str(tmp_path / "new")]) == 2
    assert "nowhere is not a folder" in capsys.readouterr().err


@pytest.mark.parametrize("count", [2, 3, 27])
def test_nothing_keeps_its_place(count):
    orders = {tuple(derangement(count, seed)) for seed in range(20)}
    for order in orders:
        assert sorted(order) == list(range(count))
        assert all(place != number for number, place in enumerate(order))
    assert len(orders) > 1 or count == 2


def test_what_listens_changes_and_what_does_not_stays(workflow, dataset, narrow, tmp_path):
    root = dataset("lyon1029_40200", "lisbon1076_40113")
    assert main(["shuffle-sound", str(root), str(tmp_path / "shuffled")]) == 0
    tables = []
    for place in (root, tmp_path / "shuffled"):
        run = workflow(network_settings(place, narrow, clips_per_job=16), folder=tmp_path / f"work {place.name}")
        assert run.status == 0, run.output
        tables.append(pd.read_csv(run.folder / "results/metrics/frames.csv").set_index("model"))
    right, wrong = tables
    assert set(right["status"]) == set(wrong["status"]) == {"ok"}
    pd.testing.assert_frame_equal(right.loc["flow"], wrong.loc["flow"])
    assert (right.loc["rcgrad", "ciou"] != wrong.loc["rcgrad", "ciou"]).mean() > 0.5
