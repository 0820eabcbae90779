"""Hear The Flow through the whole workflow: on labelled videos, on a folder of videos, and on its own datasets."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import make_clip
from test_generated import moving_square
from test_stills import ELK, vggss, xml

import flowgrad
from flowgrad import cli
from flowgrad.datasets.flickr_soundnet import FlickrSoundNet
from flowgrad.evaluation.consensus import consensus
from flowgrad.evaluation.metrics import ciou
from flowgrad.evaluation.thresholds import median
from flowgrad.flow.prepared import per_second
from flowgrad.models.coarse_to_fine.layout import Sizes
from flowgrad.models.coarse_to_fine.network import CoarseToFineNetwork
from flowgrad.models.hear_the_flow.network import HearTheFlowNetwork

IDS = ("10000130166", "10007936344", "10008553263")


@pytest.fixture(scope="module")
def htf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seeded network of a quarter of the width, in the published layout."""
    torch.manual_seed(4)
    path = tmp_path_factory.mktemp("htf") / "htf.pth"
    torch.save({"model": HearTheFlowNetwork(16, 16).state_dict()}, path)
    return path


def table(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "results/metrics/frames.csv").set_index(["model", "protocol"])


def test_on_labelled_videos(workflow, htf, tmp_path):
    """Beside the flow, under both protocols, each with its own threshold; the figures are those of the Python API."""
    root = moving_square(tmp_path / "data", "apple")
    config = {
        "dataset": {"root": str(root)},
        "models": ["flow", "hear-the-flow"],
        "checkpoints": {"hear-the-flow": str(htf)},
        "frames": "annotated",
    }
    run = workflow(config)
    assert run.status == 0, run.output
    frames = table(run.folder)
    for protocol in ("paper", "released"):
        assert len(frames.loc["hear-the-flow", protocol]) == len(frames.loc["flow", protocol]) == 5
        assert set(frames.loc[("hear-the-flow", protocol), "status"]) == {"ok"}
    assert not np.allclose(
        frames.loc[("hear-the-flow", "paper"), "ciou"], frames.loc[("hear-the-flow", "released"), "ciou"]
    ), "the released code loses half of the directions"

    results = flowgrad.open_results(run.folder / "results")
    maps, times = results.heatmaps("apple", "hear-the-flow", "paper")
    flow, flow_times = results.flow("apple", "signed")
    clip = flowgrad.read_clip(root / "clips/apple.mp4", sample_rate=22050)
    model = flowgrad.load_model("hear-the-flow", htf, device="cpu")
    audio = np.pad(clip.audio, 33075)
    starts = [int((time - 1.5) * 22050) + 33075 for time in times]
    own = model(
        np.stack([clip.frames[round(time * 8)] for time in times]),
        np.stack([audio[start : start + 66150] for start in starts]),
        22050,
        per_second(flow[np.isin(flow_times, times)]),
    )
    np.testing.assert_allclose(own, maps, atol=2e-3)
    np.testing.assert_allclose(median(maps).mean(axis=(1, 2)), 0.5, atol=0.01)


def test_coarse_to_fine_is_asked_under_another_sound(workflow, tmp_path):
    """Its maps are those of the Python API, scored by its own threshold, and it is asked whether it listens."""
    torch.manual_seed(4)
    file = tmp_path / "c2f.pth"
    network = CoarseToFineNetwork(Sizes.of_width(8))
    with torch.no_grad():
        # activations are never negative: so every class is active, and no cosine is negative
        for head in (network.class_a, network.project_a, network.project_v):
            for weight in head.parameters():
                weight.abs_()
    torch.save(network.state_dict(), file)
    root = moving_square(tmp_path / "data", "apple", "pear")
    config = {
        "dataset": {"root": str(root)},
        "models": ["coarse-to-fine"],
        "checkpoints": {"coarse-to-fine": str(file)},
        "protocols": ["released"],
        "frames": "annotated",
        "listening": True,
    }
    run = workflow(config)
    assert run.status == 0, run.output
    frames = table(run.folder).loc["coarse-to-fine", "released"].set_index("video")
    assert set(frames["status"]) == {"ok"}
    maps, times = flowgrad.open_results(run.folder / "results").heatmaps("apple", "coarse-to-fine", "released")
    clip = flowgrad.read_clip(root / "clips/apple.mp4", sample_rate=22050)
    audio = np.pad(clip.audio, 55125)
    starts = [int((time - 2.5) * 22050) + 55125 for time in times]
    own = flowgrad.load_model("coarse-to-fine", file, protocol="released", device="cpu")(
        np.stack([clip.frames[round(time * 8)] for time in times]),
        np.stack([audio[start : start + 110250] for start in starts]),
        22050,
    )
    np.testing.assert_allclose(own, maps, atol=2e-3)
    parts = flowgrad.open_results(run.folder / "results").parts("apple", "coarse-to-fine", "released")
    assert parts.maps.shape == (len(times), 7, 16, 16)
    assert parts.names[0] == "human"
    weights = (parts.scores * parts.counted)[:, :, None, None]
    whole = torch.from_numpy((weights * parts.maps).sum(axis=1) / weights.sum(axis=1))[:, None]
    large = torch.nn.functional.interpolate(whole, (224, 224), mode="bilinear", align_corners=False)[:, 0]
    np.testing.assert_allclose(maps, large, atol=5e-3)
    told = pd.read_csv(run.folder / "results/metrics/sources.csv").set_index("which")
    assert told.loc["all", "items"] == len(frames)
    assert told.loc["all", "mean_sources"] == 1
    assert "frame-wise: all sources together" in run.output
    heard = pd.read_csv(run.folder / "results/metrics/listening.csv")
    assert list(heard["model"]) == ["coarse-to-fine"]
    assert heard["highlighted_own"].between(0, 1).all()


def test_on_a_folder_of_videos(workflow, htf, tmp_path):
    root = moving_square(tmp_path / "data", "apple") / "clips"
    config = {
        "dataset": {"format": "videos", "root": str(root)},
        "models": ["hear-the-flow"],
        "protocols": ["paper"],
        "checkpoints": {"hear-the-flow": str(htf)},
    }
    run = workflow(config)
    assert run.status == 0, run.output
    maps, times = flowgrad.open_results(run.folder / "results").heatmaps("apple", "hear-the-flow")
    assert maps.shape == (23, 224, 224), "24 frames, the last has no successor"
    assert list(times[:3]) == [0, 0.125, 0.25]


def tone(path: Path, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes((6000 * np.sin(np.arange(round(16000 * seconds)) / 9)).astype("<i2").tobytes())


def flickr(root: Path) -> Path:
    """Three stills in the layout of Hear The Flow; the first two with its published pictures of flow."""
    draw = np.random.default_rng(5)
    for place, name in enumerate(IDS):
        xml(root, name)
        for folder in ("frames", "flow/flow_x", "flow/flow_y"):
            if folder == "frames" or place < 2:
                (root / folder).mkdir(parents=True, exist_ok=True)
                picture = cv2.resize(draw.integers(0, 255, (6, 8, 3), np.uint8), (320, 240))
                cv2.imwrite(str(root / folder / f"{name}.jpg"), picture if folder == "frames" else picture[..., 0] // 9)
        tone(root / f"audio/{name}.wav", 10)
    (root / "mine.csv").write_text("".join(f"{name}\n" for name in IDS) + "10009662863\n")
    xml(root, "10009662863")
    return root


def test_on_its_own_dataset(workflow, htf, tmp_path):
    """Flickr-SoundNet: with published flow the row applies, without it does not, and takes no item from the others."""
    root = flickr(tmp_path / "flickr")
    config = {
        "dataset": {"format": "flickr-soundnet", "root": str(root), "split": "mine"},
        "models": ["hear-the-flow", "whole-frame", "centre-box", "flow"],
        "protocols": ["released"],
        "checkpoints": {"hear-the-flow": str(htf)},
    }
    run = workflow(config)
    assert run.status == 0, run.output
    frames = table(run.folder).droplevel("protocol")
    heard = frames.loc["hear-the-flow"].set_index("video")
    assert list(heard["status"]) == ["ok", "ok", "not_applicable"]
    assert set(frames.loc["flow", "status"]) == {"not_applicable"}, "published flow has no length that is right"
    assert set(frames.loc["whole-frame", "status"]) == {"ok"}
    assert set(frames["time_s"]) == {5.0}
    clips = pd.read_csv(run.folder / "results/clips.csv").set_index("video")
    assert list(clips["status"]) == ["ok", "ok", "ok", "failed"]
    assert "there is no video file" in clips.loc[10009662863, "reason"]

    known = FlickrSoundNet(root, "mine").annotations()[IDS[0]]
    truth = consensus(known.regions, known.agree)
    assert set(np.unique(truth)) == {0, 0.5, 1}
    maps, times = flowgrad.open_results(run.folder / "results").heatmaps(IDS[0], "hear-the-flow", "released")
    assert list(times) == [5.0]
    np.testing.assert_allclose(ciou(median(maps), truth[None]), heard["ciou"].iloc[0], rtol=1e-5)
    assert workflow(config).nothing_to_do
    picture = tmp_path / "map.png"
    shown = ["show", IDS[0], "--model", "hear-the-flow", "--protocol", "released", "-o", str(picture)]
    still = root / f"frames/{IDS[0]}.jpg"
    assert cli.main([*shown, "--results", str(run.folder / "results"), "--video", str(still)]) == 0
    assert cv2.imread(str(picture)).shape[1] == 320


def test_on_vgg_ss(workflow, reference, tmp_path):
    """Real annotations, generated pictures: a published list as the split, and what is missing has a row."""
    names = ("zpWuikVorYg_000032", "gEvCUcZ6w88_000030")
    published = json.loads((reference / "formats/stoneMo+SLAVC/vggss.json").read_text())[:5]
    root = vggss(tmp_path / "vggss", published, *names)
    for name in names:
        tone(root / f"audio/{name}.wav", 10)
    (root / "vggss_test.csv").write_text("".join(f"{entry['file']}\n" for entry in published[:3]))
    config = {
        "dataset": {"format": "vggss", "root": str(root), "split": "vggss_test"},
        "models": ["whole-frame", "centre-box"],
        "protocols": ["paper"],
    }
    run = workflow(config)
    assert run.status == 0, run.output
    frames = table(run.folder).loc[("whole-frame", "paper")].set_index("video")["ciou"]
    boxes = {entry["file"]: entry["bbox"] for entry in published}
    for name in names:
        (x1, y1, x2, y2), *_ = [[int(224 * edge) for edge in box] for box in boxes[name]]
        assert len(boxes[name]) == 1
        assert frames[name] == pytest.approx((x2 - x1) * (y2 - y1) / 224**2, rel=1e-5)
    clips = pd.read_csv(run.folder / "results/clips.csv")
    assert list(clips["status"].value_counts().to_dict().items()) == [("ok", 2), ("failed", 1)]
    assert "1 failed" in run.output


def test_videos_of_vgg_ss_have_motion(workflow, htf, tmp_path):
    """Where the folder has the video of a clip, its middle frame is scored, and rows that need motion are there."""
    published = [
        {"file": ELK, "class": "elk bugling", "bbox": [[0.25, 0.25, 0.75, 0.75]]},
        {"file": "gEvCUcZ6w88_000030", "class": "car", "bbox": [[0, 0, 0.5, 1]]},
    ]
    root = vggss(tmp_path / "vggss", published, published[1]["file"])
    (root / "video").mkdir()
    make_clip(root / f"video/{ELK}.mp4", seconds=10, fps=12)
    config = {
        "dataset": {"format": "vggss", "root": str(root)},
        "models": ["flow", "hear-the-flow", "centre-box"],
        "checkpoints": {"hear-the-flow": str(htf)},
        "protocols": ["paper"],
        "frames": "annotated",
        "pictures": 1,
    }
    run = workflow(config)
    assert run.status == 0, run.output
    assert "1 of 2 clips are videos of video: motion is there, too" in run.output
    frames = table(run.folder)
    for model in ("flow", "hear-the-flow"):
        rows = frames.loc[(model, "paper")].set_index("video")
        assert rows.loc[ELK, ["frame", "time_s", "status"]].tolist() == [40, 5.0, "ok"]
        assert rows.loc["gEvCUcZ6w88_000030", "status"] == "not_applicable", "a still"
    box = frames.loc[("centre-box", "paper")].set_index("video")["ciou"]
    assert box[ELK] == pytest.approx(1, abs=0.02)
    assert box["gEvCUcZ6w88_000030"] == pytest.approx(1 / 5, abs=0.02), "half of the box is in the half of the picture"
    results = flowgrad.open_results(run.folder / "results")
    maps, times = results.heatmaps(ELK, model="flow", protocol="paper")
    assert (len(maps), times.tolist()) == (1, [5.0])
