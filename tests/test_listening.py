"""Does a model listen? Its scores under its own sound, the mean of all sounds, and that of another clip."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_generated import moving_square

from flowgrad import artifacts
from flowgrad.check import Findings
from flowgrad.config import parse
from flowgrad.datasets.base import Annotations, Box, SoundEvent
from flowgrad.evaluation.listening import donors, foreign_sound, listening, mean_sound
from flowgrad.evaluation.thresholds import FIXED
from flowgrad.flow.forms import ARTIFACT as FLOW
from flowgrad.models.base import AudioSpec, Batch, FrameSpec, Model, Needs, Runtime, Settings
from flowgrad.models.registry import MODELS
from flowgrad.models.rows import Row
from flowgrad.protocols import PAPER
from flowgrad.schemas.apart import APART
from flowgrad.schemas.listening import HEARD, LISTENING
from flowgrad.schemas.plan import PLACES
from flowgrad.schemas.status import STATUS
from flowgrad.stages import heatmaps, score
from flowgrad.stages import listening as stage
from flowgrad.stages.listening import Shard
from flowgrad.workflow import depends, files
from flowgrad.workflow.run import Run

EAR = '''
"""A model that hears how loud it is: loud, it marks the bright square; quiet, all else. So its sound matters."""

import numpy as np

from flowgrad.models.base import Apart, AudioSpec, FrameSpec, Model, Needs, Settings
from flowgrad.models.presets import Product, times_motion


class EarSettings(Settings):
    def needs(self):
        return Needs(frames=FrameSpec(), audio=AudioSpec(16000, 0.5))


class Ear:
    def __init__(self, checkpoint, settings, runtime):
        self.settings = settings

    def __call__(self, batch):
        apart = self.apart(batch)
        return joined(apart.seen, apart.heard, self.settings)

    def apart(self, batch):
        loud = np.sqrt((batch.audio**2).mean(axis=1)) > 0.1
        red = batch.frames[..., 0].astype(np.float32) > 180
        return Apart(red[:, None, None].astype(np.float32), np.stack([loud, ~loud], axis=1).astype(np.float32))


def joined(seen, heard, settings):
    marked = seen[:, 0, 0]
    return heard[:, 0, None, None] * marked + heard[:, 1, None, None] * (1 - marked)


class EarFlow(Product):
    def needs(self):
        return Needs(flow=self.flow_spec(), maps_of="ear")


EAR = Model("ear", "ear:Ear", {"paper": EarSettings()}, joined="ear:joined")
EAR_FLOW = Model("ear-flow", "flowgrad.models.hybrid:load_flowgrad_h", {"paper": EarFlow()})
RANDOM = Model("random-motion", "flowgrad.models.motion:load_times_motion", times_motion("random-weights"))
'''


@given(st.lists(st.text(min_size=1, max_size=8), min_size=2, max_size=30, unique=True))
def test_every_clip_gives_its_sound_to_one_other(clips):
    found = donors(clips)
    assert set(found) == set(found.values()) == set(clips)
    assert all(clip != donor for clip, donor in found.items())
    assert found == donors(clips[::-1])


def test_a_new_clip_changes_one_donor():
    before, after = donors(["a", "b", "c", "d"]), donors(["a", "b", "c", "d", "new"])
    assert sum(after[clip] != donor for clip, donor in before.items()) == 1
    assert donors(["alone"]) == {}


def test_the_mean_sound_counts_every_clip_once_whatever_its_length_and_loudness():
    heard = [np.array([[5.0, 0.0]] * 9, np.float32), np.array([[0.0, 0.1]], np.float32)]
    np.testing.assert_allclose(mean_sound(heard), [0.5, 0.5], rtol=1e-6)
    assert mean_sound([np.zeros((2, 3), np.float32)]).tolist() == [0, 0, 0]
    assert foreign_sound(np.array([[1.0], [2.0]], np.float32), 5)[:, 0].tolist() == [1, 2, 1, 2, 1]


def test_a_model_whose_score_does_not_fall_is_deaf():
    rng = np.random.default_rng(3)
    places, own = np.repeat(np.arange(10), 20), rng.uniform(0.3, 0.7, 200)
    marked = np.full((200, 5), [0.2, 0.1, 0.0, 0.0, 0.5])
    hears = listening(own, own - rng.normal(0.2, 0.05, 200), own - rng.normal(0.3, 0.05, 200), marked, places)
    assert not hears["deaf"]
    assert hears["gain_over_mean_sound"] == pytest.approx(0.2, abs=0.02)
    assert hears["gain_over_mean_sound_low"] > 0
    sounds = ("own", "mean_sound", "foreign_sound", "silence", "noise")
    assert [hears[f"highlighted_{name}"] for name in sounds] == pytest.approx([0.2, 0.1, 0, 0, 0.5])
    assert hears["highlighted_auc_silence"] == 1, "nothing is marked, whatever the share that is allowed"
    assert hears["highlighted_auc_noise"] == pytest.approx(0.525), "from a half on"
    deaf = listening(own, own + rng.normal(0, 0.01, 200), own, marked, places)
    assert deaf["deaf"]
    any_sound = listening(own, own - rng.normal(0.2, 0.05, 200), own + rng.normal(0, 0.01, 200), marked, places)
    assert any_sound["gain_over_mean_sound_low"] > 0
    assert any_sound["deaf"], "any sound does as well as its own"
    assert deaf["gain_over_mean_sound_low"] < 0 < deaf["gain_over_mean_sound_high"]
    assert (deaf["frames"], deaf["places"]) == (200, 10)
    assert set(deaf) | {"model", "protocol"} == set(LISTENING)
    one_place = listening(own[:20], own[:20], own[:20], marked[:20], places[:20])
    assert not one_place["deaf"], "of one place nothing is known"


@pytest.mark.parametrize("name", ["random-weights"])
def test_what_is_seen_and_heard_apart_makes_the_same_maps(name):
    rng = np.random.default_rng(0)
    model = MODELS[name]
    settings = model.settings(PAPER)
    loaded = model.loaded(None, settings, Runtime())
    batch = Batch(
        frames=rng.integers(0, 255, (2, 224, 224, 3), np.uint8), audio=rng.normal(0, 0.1, (2, 80000)).astype(np.float32)
    )
    apart = loaded.apart(batch)
    maps = loaded(batch)
    np.testing.assert_array_equal(model.met(apart, settings), maps)
    largest = np.abs(apart.seen).max(axis=(2, 3, 4), keepdims=True)
    kept = type(apart)((apart.seen / largest).astype(np.float16).astype(np.float32), apart.heard)
    # but for pixels at the median, below which all is 0
    assert (np.abs(model.met(kept, settings) - maps) > 0.02).mean() < 0.001, "as it is kept"


CLIPS = ("east", "north", "west")
PIXELS = {"east": (112, 60, 70, 90), "north": (20, 0, 150, 40), "west": (0, 100, 90, 120)}
"""Where the vehicle of each clip is: left, top, width, height. All three are seen in every clip."""


def selects(seen, heard, settings):
    """What is heard of each vehicle, where it is seen."""
    return np.einsum("nchw,nc->nhw", seen[:, 0], heard)


def ignores(seen, heard, settings):
    """The vehicles as they are seen, whatever is heard."""
    return np.einsum("nchw,nc->nhw", seen[:, 0], np.broadcast_to([1.0, 0.9, 0.8], heard.shape))


def street(folder):
    """What was seen and heard in three clips of 9 frames, and their flow; returns the shard, seen, heard and flow."""
    rng = np.random.default_rng(5)
    seen = np.zeros((1, len(CLIPS), 224, 224), np.float16)
    for place, (left, top, width, height) in enumerate(PIXELS[clip] for clip in CLIPS):
        seen[0, place, top : top + height, left : left + width] = 1
    heard = {clip: np.eye(3, dtype=np.float16)[[place] * 3] + np.float16(0.01) for place, clip in enumerate(CLIPS)}
    flow = {clip: rng.uniform(0, 4, (8, 224, 224)).astype(np.float16) ** np.float16(0.3) for clip in CLIPS}
    with artifacts.create(folder / "apart.h5", APART) as output, artifacts.create(folder / "flow.h5", FLOW) as moving:
        for clip in CLIPS:
            frames = np.array([0, 4, 8], np.int32)
            group = output.clip(clip)
            group.append(frame=frames, time_s=frames / 8, seen=np.stack([seen] * 3), heard=heard[clip])
            group.extend("silence", np.zeros(3, np.float32))
            group.extend("noise", np.ones(3, np.float32))
            frames = np.arange(8, dtype=np.int32)
            moving.clip(clip, source_width=224).append(frame=frames, time_s=frames / 8, magnitude=flow[clip])
    known = {
        clip: Annotations(
            tuple(Box(time, *PIXELS[clip], "car", True) for time in (0.0, 0.5, 1.0)), (SoundEvent(-1, 9, "car", True),)
        ).to_json()
        for clip in CLIPS
    }
    artifacts.write_json(folder / "known.json", known)
    lines = [",".join(STATUS), *(f"{clip},ok,,9,224,224,2,,,0" for clip in CLIPS)]
    (folder / "status.csv").write_text("\n".join(lines) + "\n")
    return Shard(folder / "apart.h5", folder / "status.csv", folder / "known.json"), seen, heard, flow


def asked(folder, shard, joined, clips=CLIPS):
    """Ask a model, and FlowGrad-H that starts from it; the figures of both, and the items of the latter."""
    start = Model("start", joined=joined)
    product = MODELS["flowgrad-h"]
    settings = product.settings(PAPER)
    step = partial(
        heatmaps.run, model=product, settings=settings, protocol_name="paper", flow_in=folder / "flow.h5", device="cpu"
    )
    audio = Needs(audio=AudioSpec(8000, 1))
    for row, of in (
        (Row(start, "paper", audio), shard),
        (Row(product, "paper", settings.needs(), (audio,)), replace(shard, steps=[step])),
    ):
        stage.run(
            row=row,
            start=start,
            settings=Settings(),
            protocol=PAPER,
            threshold=FIXED,
            shards=[of],
            present=clips,
            score=score.run,
            out=folder / f"{row.name}.csv",
        )
    places = pd.DataFrame([{"video": clip, "shard": "0", "place": clip} for clip in CLIPS])
    artifacts.write_table(folder / "plan.csv", places.reindex(columns=list(PLACES)))
    scores = [folder / "flowgrad-h.csv", folder / "start.csv"]
    stage.run_table(plan_in=folder / "plan.csv", scores_in=scores, out=folder / "table.csv")
    table = artifacts.read_table(folder / "table.csv", LISTENING)
    return table.set_index("model"), artifacts.read_table(scores[0], HEARD)


def scaled(maps):
    """Return a map in [0, 1] by its least and greatest value."""
    maps = maps.astype(np.float32)
    return (maps - maps.min()) / (maps.max() - maps.min())


def test_what_starts_from_a_model_is_its_maps_under_another_sound_times_the_flow(tmp_path):
    shard, seen, heard, flow = street(tmp_path)
    table, items = asked(tmp_path, shard, selects)
    assert [tuple(item) for item in items[["video", "frame"]].to_numpy()] == [
        (clip, frame) for clip in CLIPS for frame in (0, 4)
    ], "frame 8 has no successor"
    donor, mean = donors(list(CLIPS)), mean_sound(list(heard.values()))
    for item in items.itertuples(index=False):
        left, top, width, height = PIXELS[item.video]
        truth = np.zeros((224, 224), bool)
        truth[top : top + height, left : left + width] = True
        sounds = {"own": heard[item.video][0], "mean": mean, "foreign": heard[donor[item.video]][0]}
        for sound, embedding in sounds.items():
            start = np.tensordot(embedding.astype(np.float32), seen[0].astype(np.float32), 1).astype(np.float16)
            product = (scaled(start) * scaled(flow[item.video][item.frame])).astype(np.float16)
            marked = scaled(product) >= 0.5
            iou = (marked & truth).sum() / (marked | truth).sum()
            assert getattr(item, sound) == pytest.approx(iou, abs=1e-3), (item.video, item.frame, sound)
            assert getattr(item, f"highlighted_{sound}") == pytest.approx(marked.mean(), abs=1e-3)
    assert (table["frames"].to_dict(), set(table["places"])) == ({"flowgrad-h": 6, "start": 9}, {3})
    assert not table["deaf"].any()
    assert (table["mean_ciou_own"] > table["mean_ciou_foreign_sound"] + 0.3).all()
    for sound, column in (("own", "own"), ("mean", "mean_sound"), ("foreign", "foreign_sound")):
        found = table.loc["flowgrad-h", f"highlighted_{column}"]
        assert found == pytest.approx(items[f"highlighted_{sound}"].mean(), rel=1e-5)
    assert (table["highlighted_mean_sound"] > table["highlighted_own"]).all(), "all three vehicles"
    assert (table["highlighted_silence"] == 0).all()
    assert (table["highlighted_auc_silence"] == 1).all()
    np.testing.assert_allclose(table["highlighted_noise"], table["highlighted_mean_sound"], atol=1e-3)


def test_what_starts_from_a_deaf_model_is_deaf(tmp_path):
    shard, *_ = street(tmp_path)
    table, items = asked(tmp_path, shard, ignores)
    assert table["deaf"].all()
    assert (items["own"] == items["mean"]).all()
    assert (items["highlighted_own"] == items["highlighted_foreign"]).all()
    alone, items = asked(tmp_path, shard, ignores, clips=["west"])
    assert len(items) == 2
    assert items[["foreign", "highlighted_foreign"]].isna().all(axis=None), "there is no other sound"
    assert alone[["mean_ciou_foreign_sound", "highlighted_foreign_sound"]].isna().all(axis=None)


def test_a_row_is_asked_where_its_start_is_and_no_network_would_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = parse({"dataset": {"root": "data"}, "models": "available", "protocols": ["paper"], "listening": True})
    run = Run(config, Findings(models=["flow", "flowgrad-h", "rcgrad-motion", "whole-frame"]))
    assert {row.name for row in run.asked} == {"rcgrad", "flowgrad-h", "rcgrad-motion"}
    assert [row.name for row in run.kept_apart] == ["rcgrad"]
    row = run.map_row["flowgrad-h", "paper"]
    assert run.way(replace(row, needs=replace(row.needs, frames=FrameSpec()))) == [], "it looks itself"
    assert run.way(run.map_row["flow", "paper"]) == []
    monkeypatch.setattr(Run, "shards", ["0"])
    made_from = {
        "apart": ["results/apart/paper/rcgrad/0.h5"],
        "steps": ["results/background/farneback/0.h5", "results/flow/farneback/signed/0.h5"],
    }
    assert files.listening(run, run.map_row["rcgrad-motion", "paper"]) == made_from
    known = depends.listening(run, row)
    assert known["joined"] == MODELS["rcgrad"].joined
    assert known["steps"] == [depends.heatmaps(run, row)], "what makes its maps makes them here"
    assert depends.listening(run, run.map_row["rcgrad", "paper"])["steps"] == []


def test_a_run_asks_each_model_that_listens(workflow, tmp_path):
    """One with random weights is deaf, and what starts from it; it is asked though it is no row of the table."""
    (tmp_path / "ear.py").write_text(EAR)
    root = moving_square(tmp_path / "data", "apple", "berry")
    config = {
        "dataset": {"root": str(root)},
        "models": ["ear", "ear-flow", "random-motion", "flow"],
        "protocols": ["paper"],
        "plugins": [str(tmp_path / "ear.py")],
        "frames": "annotated",
        "pictures": 0,
        "listening": True,
        "clips_per_job": 1,
    }
    run = workflow(config, environment={"PYTHONPATH": str(tmp_path)})
    assert run.status == 0, run.output
    assert run.jobs["heatmaps_apart"] == 4
    assert run.jobs["listening"] == 4
    table = pd.read_csv(run.folder / "results/metrics/listening.csv").set_index("model")
    summary = pd.read_csv(run.folder / "results/metrics/summary.csv").set_index("model")
    assert list(table.index) == ["ear", "ear-flow", "random-motion", "random-weights"]
    assert sorted(path.name for path in (run.folder / "results/apart/paper").iterdir()) == ["ear", "random-weights"]
    for name in ("ear", "ear-flow", "random-motion"):
        kept = pd.read_csv(run.folder / f"results/listening/paper/{name}.csv")
        assert set(kept["frame"] % 4) == {0}
        assert table.loc[name, "mean_ciou_own"] == pytest.approx(summary.loc[name, "mean_ciou"], abs=0.01)
        assert table.loc[name, "highlighted_own"] == pytest.approx(kept["highlighted_own"].mean(), rel=1e-5)
    assert table.loc["ear", "highlighted_noise"] == pytest.approx(table.loc["ear", "highlighted_own"], abs=0.02)
    assert table.loc["ear", "highlighted_silence"] > table.loc["ear", "highlighted_noise"], "all but the vehicle"
    assert table.loc[["random-motion", "random-weights"], "deaf"].all()
    assert "random-motion (paper) is deaf" in run.output
    assert "random-weights (paper)" not in run.output, "the end of a run names rows of the table alone"
    assert workflow(config, environment={"PYTHONPATH": str(tmp_path)}).nothing_to_do
