"""Training: what is drawn, what is learnt from it, and that nothing is lost on the way."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import make_clip, sound_of
from hypothesis import given
from hypothesis import strategies as st

import flowgrad
from flowgrad import artifacts, media
from flowgrad.datasets.registry import open_dataset
from flowgrad.errors import InputError
from flowgrad.flow.farneback import Farneback
from flowgrad.models.base import SampleSpec
from flowgrad.models.checkpoint_file import check_layout
from flowgrad.models.rcgrad.layout import layout_of
from flowgrad.models.rcgrad.objective import FlowGradEN, FlowGradIC, RCGrad
from flowgrad.models.window import SAMPLE_RATE
from flowgrad.plan import Plan
from flowgrad.resizing import resized
from flowgrad.stages import samples as stage
from flowgrad.training.checkpointing import save
from flowgrad.training.data import Batches, EpochBatches, HeldOutBatches
from flowgrad.training.learner import Learner, samples_of
from flowgrad.training.loop import Schedule, fit
from flowgrad.training.objective import Objective, Start
from flowgrad.training.samples import KIND, SampleSet, attributes_of, split, windows_of
from flowgrad.training.statistics import measure

WIDTH = 16
OBJECTIVES = {objective.name: objective for objective in (RCGrad, FlowGradIC, FlowGradEN)}


def untrained(method: str) -> Objective:
    return OBJECTIVES[method].started(Start("random", None, WIDTH))


def schedule(**change) -> Schedule:
    base = {
        "seed": 1,
        "held_out": 0.3,
        "batch_size": 4,
        "passes": 2,
        "together": 2,
        "epochs": 3,
        "learning_rate": 1e-3,
        "lr_patience": 1,
        "early_stopping_patience": 9,
        "augment": True,
        "precision": "float32",
    }
    return Schedule(**(base | change))


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    """Eight usable clips, and one each that is too short, has no sound, is silent, is no video."""
    folder = tmp_path_factory.mktemp("clips")
    for number in range(8):
        make_clip(folder / f"clip{number}.mp4", seconds=6 + number % 3, fps=12, size=(96, 64), seed=number)
    make_clip(folder / "short.mp4", seconds=4, fps=12, size=(96, 64))
    make_clip(folder / "mute.mp4", seconds=6, fps=12, size=(96, 64), sound=False)
    make_clip(folder / "silent.mp4", seconds=6, fps=12, size=(96, 64), loudness=0)
    (folder / "broken.mp4").write_bytes(b"no video")
    return folder


@pytest.fixture(scope="module")
def artifact(clips, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    plan = Plan(folder)
    plan.update(open_dataset("videos", clips), 100)
    stage.run(
        shard=plan.shard_file("00001"),
        root=clips,
        spec=SampleSpec(),
        frames_per_second=4,
        name="farneback",
        estimator=Farneback(),
        samples_out=folder / "00001.h5",
        status_out=folder / "status.csv",
    )
    return folder / "00001.h5"


@pytest.fixture
def samples(artifact) -> SampleSet:
    return SampleSet([artifact])


def test_what_cannot_be_used_is_left_out_with_a_reason(artifact):
    table = pd.read_csv(artifact.parent / "status.csv").set_index("video")
    assert (table["status"] == "left out").sum() == 4
    assert table.loc["silent", "reason"] == "the sound is digital silence"
    assert table.loc["short", "reason"] == "4.00 s with sound, a window has 5 s"
    assert table.loc["mute", "reason"] == "no sound track"
    assert "unreadable" in table.loc["broken", "reason"]
    # windows that fit into 6, 7 and 8 s, at four places a second
    assert list(table.loc[["clip0", "clip1", "clip2"], "samples"]) == [5, 9, 13]


def test_a_sample_is_what_the_models_will_see(artifact, clips, samples):
    sample = samples.read("clip1", 3)
    number = 20 + 2 * 3
    picture = next(p for p in media.pictures(media.inspect(clips / "clip1.mp4")) if p.number == number)
    np.testing.assert_array_equal(sample.frame, resized(picture.rgb()))
    sound = sound_of(clips / "clip1.mp4", SAMPLE_RATE)
    start = round((number / 8 - 2.5) * SAMPLE_RATE)
    np.testing.assert_array_equal(sample.audio, sound[start : start + 5 * SAMPLE_RATE])
    assert sample.flow.max() > 1, "the square moves"


def clips_of(lengths: dict[str, float], tmp_path: Path) -> SampleSet:
    """A set whose clips have no pictures: the draw looks at their times alone."""
    path = tmp_path / f"{len(lengths)}.h5"
    with artifacts.create(path, KIND, **attributes_of(SampleSpec())) as output:
        for name, seconds in lengths.items():
            group = output.clip(name, end_s=seconds, source_sha256=name)
            group.append(frame=np.arange(0, int(seconds * 8), 4, dtype=np.int32))
    return SampleSet([path])


@given(seconds=st.floats(5.6, 90), offset=st.floats(0, 0.999))
def test_windows_of_one_clip_do_not_overlap(seconds, offset, tmp_path_factory):
    many = clips_of({"clip": seconds}, tmp_path_factory.mktemp("drawn"))
    frames = np.array([many._frames["clip"][many._rows["clip"]][n] for n in many.apart("clip", offset)])
    assert (np.diff(frames) >= 36).all(), "5 s are 40 frames; a window may begin on the grid of kept frames"
    assert len(frames) == max(1, int((many.length("clip") - 1) / 2 / 5))
    assert len(frames) <= windows_of(seconds, 5)


def test_a_draw_follows_from_seed_and_epoch(tmp_path):
    many = clips_of({f"c{n}": 10 + n for n in range(30)}, tmp_path)

    def drawn(epoch, seed=1, **kw):
        batches = EpochBatches(many, many.clips, 8, 2, 3, seed, **kw)
        batches.set_epoch(epoch)
        found = list(batches)
        assert len(found) == len(batches)
        return found

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)
    assert drawn(3) != drawn(3, seed=2)
    halves = zip(drawn(3, rank=0, ranks=2), drawn(3, rank=1, ranks=2), strict=True)
    assert [sorted(a + b) for a, b in halves] == [sorted(batch) for batch in drawn(3)]
    assert all(len(batch) == len(set(batch)) == 8 for batch in drawn(3))


@given(st.sets(st.text(min_size=1, max_size=8), min_size=20, max_size=60), st.text(min_size=9, max_size=12))
def test_a_clip_that_is_added_moves_no_other(names, new):
    kept, aside = split(sorted(names), 0.2, 7)
    assert not set(kept) & set(aside)
    assert set(kept) | set(aside) == names
    _, more = split(sorted(names | {new}), 0.2, 7)
    assert len(set(aside) ^ set(more)) <= 2


@given(
    st.dictionaries(st.text(min_size=1, max_size=4), st.integers(1, 5), min_size=3, max_size=30),
    st.floats(0.02, 0.6),
    st.integers(0, 99),
)
def test_no_place_is_learnt_from_and_held_out(sizes, share, seed):
    places = {f"{place}:{number}": place for place, count in sizes.items() for number in range(count)}
    kept, aside = split(sorted(places), share, seed, places)
    assert sorted([*kept, *aside]) == sorted(places)
    assert kept
    assert len(aside) >= 2
    assert not {places[clip] for clip in kept} & {places[clip] for clip in aside}
    assert len(aside) <= max(2, round(share * len(places))) or len(aside) < 2 + max(sizes.values())


def test_one_place_alone_is_split_by_its_clips():
    names = [f"here:{number}" for number in range(8)]
    assert split(names, 0.25, 3, dict.fromkeys(names, "here")) == split(names, 0.25, 3)
    assert len(split(names, 0.25, 3)[1]) == 2


def test_held_out_batches_look_at_fixed_places(samples):
    batches = list(HeldOutBatches(samples, samples.clips[:4], 4, 2))
    assert batches == list(HeldOutBatches(samples, samples.clips[:4], 4, 2))
    assert len(batches) == 2, "a pass of four clips with one window each fills one batch"
    assert [sorted(clip for clip, _ in batch) for batch in batches] == [samples.clips[:4]] * 2
    assert batches[0] != batches[1], "each pass looks at other places"


@pytest.mark.parametrize("method", ["rcgrad", "flowgrad-ic", "flowgrad-en"])
def test_a_resumed_training_ends_as_an_uninterrupted_one(method, samples, tmp_path):
    class KilledError(Exception):
        pass

    def run(folder, die_after=None):
        torch.manual_seed(0)
        said = []

        def say(words):
            said.append(words)
            if die_after and words.startswith(f"epoch {die_after} "):
                raise KilledError

        outcome = fit(untrained(method), samples, schedule(), folder=folder, device="cpu", say=say)
        return outcome, said

    whole, _ = run(tmp_path / "whole")
    with pytest.raises(KilledError):
        run(tmp_path / "killed", die_after=3)
    resumed, said = run(tmp_path / "killed")
    assert any("goes on from" in words for words in said)
    assert sum(words.startswith("epoch") for words in said) == 1, "two of three epochs were kept"
    assert [row["epoch"] for row in resumed.history] == [1, 2, 3]
    drop = ("samples_per_s",)
    for one, other in zip(whole.history, resumed.history, strict=True):
        assert {k: v for k, v in one.items() if k not in drop} == {k: v for k, v in other.items() if k not in drop}
    for key, value in whole.state.items():
        assert torch.equal(value, resumed.state[key]), key
    # the state that Lightning keeps is a checkpoint of the published layout as it stands
    check_layout(tmp_path / "whole/best.ckpt", layout_of(method))


def test_a_trained_checkpoint_makes_maps(samples, tmp_path):
    torch.manual_seed(0)
    outcome = fit(
        untrained("flowgrad-en"),
        samples,
        schedule(epochs=1),
        folder=tmp_path / "f",
        device="cpu",
        say=lambda _: None,
    )
    save({"state_dict": outcome.state}, tmp_path / "en.ckpt")
    model = flowgrad.load_model("flowgrad-en", tmp_path / "en.ckpt", protocol="paper", device="cpu")
    one = samples.read("clip0", 0)
    maps = model(one.frame[None], one.audio[None], SAMPLE_RATE, one.flow[None].astype(np.float32))
    assert maps.shape == (1, 224, 224)
    assert np.isfinite(maps).all()


def test_what_is_judged_has_the_statistics_of_its_own_weights(samples, tmp_path):
    """BatchNorm's are those that the kept weights have over samples to learn from, none of an earlier step."""
    torch.manual_seed(0)
    rules = schedule(epochs=1)
    outcome = fit(untrained("rcgrad"), samples, rules, folder=tmp_path / "f", device="cpu", say=lambda _: None)
    again = untrained("rcgrad")
    again.load_state_dict(outcome.state)
    kept, _ = split(samples.clips, rules.held_out, rules.seed)
    shown = [samples_of(Batches(samples)[keys]) for keys in EpochBatches(samples, kept, 4, 1, 1, rules.seed)]
    measure(again, [again], shown, again.embeddings)
    for key, value in again.state_dict().items():
        torch.testing.assert_close(value, outcome.state[key], atol=1e-4, rtol=1e-3, msg=key)


def test_a_batch_that_makes_no_mosaics_is_named(samples, tmp_path):
    with pytest.raises(
        InputError, match=r"6 samples make no whole mosaics of 4; set training.batch_size to a multiple"
    ):
        fit(
            untrained("rcgrad"),
            samples,
            schedule(batch_size=6, mosaics=0.5),
            folder=tmp_path / "f",
            device="cpu",
            say=lambda _: None,
        )


def test_mosaics_and_best_places_learn(samples, tmp_path):
    torch.manual_seed(0)
    objective = RCGrad.started(Start("random", None, WIDTH, "best-places"))
    plan = schedule(epochs=10, passes=4, augment=False, mosaics=0.5)
    outcome = fit(objective, samples, plan, folder=tmp_path / "f", device="cpu", say=lambda _: None)
    losses = [row["train_loss"] for row in outcome.history]
    # an epoch has few batches: its loss jumps
    assert np.mean(losses[-3:]) < 0.95 * losses[0]


def test_training_lowers_the_loss(samples, tmp_path):
    torch.manual_seed(0)
    objective = untrained("rcgrad")
    plan = schedule(epochs=8, passes=4, augment=False)
    outcome = fit(objective, samples, plan, folder=tmp_path / "f", device="cpu", say=lambda _: None)
    losses = [row["train_loss"] for row in outcome.history]
    assert losses[-1] < 0.7 * losses[0]


def test_too_few_clips_are_named(samples, tmp_path):
    with pytest.raises(InputError, match=r"6 usable clips with 6 windows of 5 s, beside 2 .* training.batch_size: 64"):
        fit(
            untrained("rcgrad"),
            samples,
            schedule(batch_size=64),
            folder=tmp_path,
            device="cpu",
            say=lambda _: None,
        )


def test_a_loss_that_is_no_number_stops(samples, tmp_path):
    objective = untrained("rcgrad")
    with torch.no_grad():
        objective.image_encoder.conv1.weight.fill_(float("inf"))
    with pytest.raises(InputError, match=r"rcgrad: the loss is nan in epoch 1; lower training.learning_rate"):
        fit(objective, samples, schedule(), folder=tmp_path / "f", device="cpu", say=lambda _: None)


def test_a_full_disk_loses_no_earlier_checkpoint(tmp_path):
    path = tmp_path / "last.ckpt"
    save({"state_dict": {"a": torch.zeros(10)}}, path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(InputError, match=r"last.ckpt: no space left"):
            save({"state_dict": {"a": torch.ones(1_000_000)}}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert torch.load(path, weights_only=True)["state_dict"]["a"].sum() == 0
    assert list(tmp_path.iterdir()) == [path]


def test_a_state_of_another_training_is_not_taken_up(samples, artifact, tmp_path):
    """Other settings begin anew, and the old state is gone."""
    from flowgrad.stages import fit as fit_stage

    offered = pd.read_csv(artifact.parent / "status.csv")
    artifacts.write_table(tmp_path / "clips.csv", offered.assign(place=offered["video"]))
    old = tmp_path / "rcgrad/state/0123"
    old.mkdir(parents=True)
    shutil.copy(artifact, old / "last.ckpt")
    fit_stage.run(
        objective="flowgrad.models.rcgrad.objective:RCGrad.started",
        layout=layout_of("rcgrad"),
        samples_in=[artifact],
        clips_in=tmp_path / "clips.csv",
        identity={"epochs": 1},
        start=Start("random", None, WIDTH),
        schedule=schedule(epochs=1),
        device="cpu",
        threads=1,
        checkpoint_out=tmp_path / "rcgrad/rcgrad.ckpt",
        log_out=tmp_path / "rcgrad/log.csv",
        curves_out=tmp_path / "rcgrad/loss.png",
    )
    assert sorted(path.name for path in (tmp_path / "rcgrad").iterdir()) == ["log.csv", "loss.png", "rcgrad.ckpt"]
    assert list(pd.read_csv(tmp_path / "rcgrad/log.csv")["epoch"]) == [1]


def test_the_tensors_of_a_batch(samples):
    batch = Batches(samples)[[("clip0", 0), ("clip1", 2)]]
    assert {name: tuple(value.shape) for name, value in batch.items()} == {
        "frame": (2, 224, 224, 3),
        "flow": (2, 224, 224),
        "audio": (2, 80000),
    }
    assert np.array_equal(batch["frame"][1], samples.read("clip1", 2).frame)


def test_every_epoch_draws_anew(samples, tmp_path, monkeypatch):
    """What reaches the networks in a real training differs from epoch to epoch."""
    seen: dict[int, list[torch.Tensor]] = {}
    step = Learner.training_step

    def spy(self, batch, number):
        seen.setdefault(self.current_epoch, []).append(batch["audio"].sum(dim=1))
        return step(self, batch, number)

    monkeypatch.setattr(Learner, "training_step", spy)
    objective = untrained("rcgrad")
    fit(objective, samples, schedule(), folder=tmp_path / "f", device="cpu", say=lambda _: None)
    drawn = [torch.cat(batches) for batches in seen.values()]
    assert len(drawn) == 3
    assert not torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[1], drawn[2])


def test_a_training_that_had_ended_is_not_taken_further(samples, tmp_path):
    def run():
        torch.manual_seed(0)
        objective = untrained("rcgrad")
        plan = schedule(epochs=30, early_stopping_patience=1)
        return fit(objective, samples, plan, folder=tmp_path / "f", device="cpu", say=lambda _: None)

    first = run()
    assert len(first.history) < 30
    second = run()
    assert first.history == second.history
    assert all(torch.equal(value, second.state[key]) for key, value in first.state.items())
    assert 0 < first.state["sounds.mean"].norm() <= 1, "what maps need besides weights is measured at the end"


def test_weights_that_are_no_number_are_never_kept(samples, tmp_path):
    """The last step of an epoch can break what its loss does not show yet."""
    module = Learner(untrained("rcgrad"), 1e-3, 5)
    with torch.no_grad():
        module.objective.image_encoder.conv1.weight.fill_(float("nan"))
    with pytest.raises(InputError, match="the loss is nan"):
        module.eval().validation_step(Batches(samples)[[("clip0", 0), ("clip1", 2)]], 0)


def test_two_processes_share_every_batch(artifact, tmp_path):
    """By Lightning's own strategy, on CPUs: one of them returns the outcome, and both learnt from the whole batch."""
    script = tmp_path / "two.py"
    script.write_text(
        f"""
from pathlib import Path
from flowgrad.models.rcgrad.objective import RCGrad
from flowgrad.training.loop import Schedule, fit
from flowgrad.training.objective import Start
from flowgrad.training.samples import SampleSet

outcome = fit(RCGrad.started(Start("random", None, {WIDTH})), SampleSet([Path("{artifact}")]), {schedule(epochs=2)!r},
    folder=Path("{tmp_path}/state"), device="cpu", say=print, processes=2)
print("none" if outcome is None else f"outcome of {{len(outcome.history)}} epochs")
"""
    )
    # within a SLURM job it is no other: one task was asked for, and it starts the processes itself
    job = {"SLURM_JOB_ID": "1", "SLURM_JOB_NAME": "fit", "SLURM_NTASKS": "1", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
    job |= {"SLURM_NODEID": "0", "SLURM_NNODES": "1"}
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=900, cwd=tmp_path, env=os.environ | job
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("outcome of 2 epochs") == 1
    assert done.stdout.count("none") == 1
    # a batch of four clips: chance is ln 4 where both halves are contrasted, ln 2 where each is alone
    first = float(re.search(r"epoch 1 of at most 2: loss ([0-9.]+)", done.stdout)[1])
    assert first > 1.0


def test_a_batch_that_cannot_be_shared_is_named(samples, tmp_path):
    objective = untrained("rcgrad")
    with pytest.raises(InputError, match=r"training.batch_size: 4 cannot be shared evenly by 3 GPUs"):
        fit(objective, samples, schedule(), folder=tmp_path, device="cpu", say=lambda _: None, processes=3)
