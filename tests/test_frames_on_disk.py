"""Pictures on disk: how many shards have them is bounded, and no result depends on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import make_clip, settings

from flowgrad import artifacts, frames
from flowgrad.datasets.registry import open_dataset
from flowgrad.decoding import Recipe
from flowgrad.flow.farneback import Farneback
from flowgrad.frame_cache import FrameCache, offers
from flowgrad.plan import Plan
from flowgrad.stages import decode, flow
from flowgrad.workflow import work
from flowgrad.workflow.run import begin_run

RATE = 16000


class Decoded:
    """Three clips, a shard each, decoded with room for so many."""

    def __init__(self, folder: Path, on_disk: int):
        self.videos, self.results, self.on_disk = folder / "videos", folder / f"results{on_disk}", on_disk
        self.videos.mkdir(exist_ok=True)
        for seed, name in enumerate("abc"):
            if not (self.videos / f"{name}.mp4").exists():
                make_clip(self.videos / f"{name}.mp4", seed=seed, size=(320, 192))
        self.shards = Plan(self.results).update(open_dataset("videos", self.videos), 1)
        for shard in self.shards:
            status = self.results / f"status/{shard}.csv"
            decode.run(cache=self.cache, shard=shard, recipe=self.recipe(shard), status_out=status)

    @property
    def cache(self) -> FrameCache:
        return FrameCache(self.results / "frames", self.on_disk)

    def recipe(self, shard: str) -> Recipe:
        return Recipe(Plan(self.results).shard_file(shard), self.videos, (RATE,))

    def path(self, shard: str) -> Path:
        return self.results / f"frames/{shard}.h5"

    def whole(self) -> list[str]:
        return [shard for shard in self.shards if offers(self.path(shard), [RATE])]

    def at_hand(self, shard: str):
        return self.cache.at_hand(shard, self.recipe(shard))

    def flow(self, shard: str, frames: Path) -> None:
        flow.run(
            shard_in=Plan(self.results).shard_file(shard),
            frames_in=frames,
            root=self.videos,
            kind="magnitude",
            name="farneback",
            estimator=Farneback(),
            out=self.results / f"flow/{shard}.h5",
        )

    def hidden(self) -> list[Path]:
        return list((self.results / "frames").glob(".*"))


@pytest.mark.parametrize(("on_disk", "whole"), [(0, []), (1, ["00001"]), (2, ["00001", "00002"]), (32, None)])
def test_no_more_than_so_many_shards_have_pictures(tmp_path, on_disk, whole):
    """The others have a stub, the same row of status, and the same pictures for who asks."""
    plenty, few = Decoded(tmp_path, 100), Decoded(tmp_path, on_disk)
    assert few.whole() == (few.shards if whole is None else whole)
    for shard in few.shards:
        status = [run.results / f"status/{shard}.csv" for run in (plenty, few)]
        assert status[0].read_bytes() == status[1].read_bytes()
        with few.at_hand(shard) as path:
            assert path.read_bytes() == plenty.path(shard).read_bytes()
            few.flow(shard, path)
        plenty.flow(shard, plenty.path(shard))
        assert len({(run.results / f"flow/{shard}.h5").read_bytes() for run in (plenty, few)}) == 1
        assert len(few.whole()) <= on_disk
    assert not few.hidden()


def test_where_there_is_room_again_one_reader_decodes_for_all(tmp_path):
    run = Decoded(tmp_path, 1)
    first, second, third = map(run.path, run.shards)
    before = second.stat().st_mtime_ns
    run.cache.release("00001")
    assert 0 < first.stat().st_size < 1 << 16
    with run.at_hand("00002") as path:
        assert path == second
    assert run.whole() == ["00002"]
    assert second.stat().st_mtime_ns == before, "to the workflow engine nothing has changed"
    with run.at_hand("00003") as path:
        assert path != third
        assert path.is_relative_to(run.results), "what counts as disk in use lies in one folder"
    assert run.whole() == ["00002"]
    assert not run.hidden()


def test_a_rate_that_came_later_is_decoded_anew(tmp_path):
    run = Decoded(tmp_path, 32)
    recipe = Recipe(run.recipe("00001").shard, run.videos, (RATE, 22050))
    with run.cache.at_hand("00001", recipe) as path:
        assert offers(path, [RATE, 22050])


VIEWERS = """
from flowgrad.models.base import FrameSpec, Model, Needs, Settings
class Near(Settings):
    def needs(self): return Needs(frames=FrameSpec(64))
class Far(Settings):
    def needs(self): return Needs(frames=FrameSpec(32, "jpeg"))
def load(*_): return lambda batch: batch.frames.mean(axis=(1, 2, 3))[:, None, None].repeat(224, 1).repeat(224, 2)
NEAR, FAR = Model("{0}-near", load, {{"paper": Near()}}), Model("{0}-far", load, {{"paper": Far()}})
"""


def viewers(folder: Path, name: str) -> dict:
    """The configuration of a run on one video, with two models that look at it in their own way."""
    root, plugin = folder / "videos", folder / f"{name}.py"
    root.mkdir()
    make_clip(root / "a.mp4", seconds=1)
    plugin.write_text(VIEWERS.format(name))
    config = settings(root, dataset={"format": "videos", "root": str(root)}, frames="all", protocols=["paper"])
    return config | {"plugins": [str(plugin)], "models": ["flow", f"{name}-near", f"{name}-far"]}


def test_decoding_makes_what_all_models_see_and_decoding_anew_what_the_reader_sees(tmp_path, monkeypatch):
    config = viewers(tmp_path, "viewer")
    monkeypatch.chdir(tmp_path)
    run = begin_run(config)
    (shard,) = run.shards
    motion, near, far = run.map_rows
    names = {"seen_64_exact", "seen_32_jpeg"}

    def kept() -> set[str]:
        with artifacts.open_artifact(work.cache(run).path(shard), frames.KIND) as artifact:
            reader = frames.FrameReader(artifact, "a")
            assert reader.seen(3, 64, "exact").shape == (64, 64, 3), "made where it is lacking"
            return {name for name in names if artifact.has("a", name)}

    work.cache(run).fill(shard, work.recipe(run, shard, run.map_rows))
    assert kept() == names
    for rows, expected in (([near], {"seen_64_exact"}), ([far], {"seen_32_jpeg"}), ([motion], set()), ([], set())):
        work.cache(run).release(shard)
        with work.frames(run, shard, rows) as path:
            assert path == work.cache(run).path(shard)
            assert kept() == expected
    with work.frames(run, shard, run.map_rows):
        assert kept() == set(), "frames that are there do, whatever is made of them"


def test_a_model_of_another_size_decodes_nothing_anew_for_others(workflow, tmp_path):
    config = viewers(tmp_path, "added")
    first = workflow(config | {"models": config["models"][:2]})
    assert first.status == 0, first.output
    added = workflow(config)
    assert added.status == 0, added.output
    assert added.jobs["heatmaps"] == 1
    assert not {"decode", "flow", "arithmetic"} & set(added.jobs)


def test_what_a_killed_job_left_is_removed_by_the_next_run(workflow, tmp_path):
    """SIGKILL while a copy is open: nothing of it under any name that counts, and the next run removes the rest."""
    root = tmp_path / "videos"
    root.mkdir()
    make_clip(root / "a.mp4", seconds=1)
    folder = tmp_path / "work/results/frames"
    code = f"""
import os, signal
from pathlib import Path
from flowgrad.frame_cache import FrameCache
with FrameCache(Path({str(folder)!r}), 1).scratch() as hidden:
    (hidden / "00001.h5").write_bytes(bytes(1000))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert len(list(folder.iterdir())) == 1
    assert FrameCache(folder, 1).has_room()
    results = folder.parent
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead, alive, foreign = (
        results / f"flow/{name}"
        for name in (f".00001.h5.tmp-0a1b2c3d-{ended.pid}", f".00001.h5.tmp-0a1b2c3d-{os.getpid()}", ".my.tmp-notes")
    )
    dead.parent.mkdir()
    for path in (dead, alive, foreign):
        path.write_bytes(b"half")
    with FrameCache(folder, 1).scratch() as in_use:
        run = workflow(settings(root, dataset={"format": "videos", "root": str(root)}, frames="all"))
        assert run.status == 0, run.output
        assert list(folder.glob(".scratch-*")) == [in_use]
    assert not list(folder.glob(".scratch-*"))
    assert (dead.exists(), alive.exists(), foreign.exists()) == (False, True, True)


@pytest.mark.runs
def test_results_do_not_depend_on_it(workflow, tmp_path):
    """No shard on disk, one, or all: the same bytes in every result, and all that is temporary gone."""
    root = tmp_path / "videos"
    root.mkdir()
    for seed, name in enumerate("ab"):
        make_clip(root / f"{name}.mp4", seconds=1, seed=seed, size=(320, 192))
    config = settings(root, dataset={"format": "videos", "root": str(root)}, frames="all", pictures=1)
    results = []
    for name, change in (("0", {"frames_on_disk": 0}), ("1", {"frames_on_disk": 1}), ("default", {})):
        run = workflow(config | change, folder=tmp_path / name)
        assert run.status == 0, run.output
        results.append(
            {
                path.relative_to(run.folder): path.read_bytes()
                for path in (run.folder / "results").rglob("*")
                if path.is_file() and not {"logs", "plan"} & set(path.parts)
            }
        )
        assert workflow(config | change, folder=run.folder).nothing_to_do
    assert results[0] == results[1] == results[2]
    assert any(path.suffix == ".png" for path in results[0])
