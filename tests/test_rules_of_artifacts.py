"""Rules of artifacts and plans: which rows are read, what is checked, what is written again and what is not."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from flowgrad import artifacts
from flowgrad.artifacts import ArtifactError
from flowgrad.datasets.base import Annotations, Box, Clip
from flowgrad.plan import FingerprintCache, Plan, usable_clips
from flowgrad.shard import PlannedClip


def kept(path: Path, numbers: list[int]) -> Path:
    """An artifact whose array holds ten times the frame's number."""
    with artifacts.create(path, "heatmaps", fps=8, settings={"b": 1, "a": [2]}) as output:
        output.clip("clip").append(frame=np.array(numbers, np.int32), ten=10 * np.array(numbers)[:, None])
    return path


# reading


@pytest.mark.parametrize("numbers", [[3], [11], [3, 5], [5, 11], [3, 11], [3, 5, 9, 11]])
def test_rows_are_those_of_the_frames_that_are_asked_for(tmp_path, numbers):
    """Whatever lies between them, and up to the last one."""
    with artifacts.open_artifact(kept(tmp_path / "a.h5", [3, 5, 9, 11])) as reader:
        assert reader.rows("clip", "ten", numbers)[:, 0].tolist() == [10 * number for number in numbers]


@pytest.mark.parametrize("numbers", [[4], [0], [12], [3, 4], [9, 12], [0, 3]])
def test_frames_that_are_not_there_are_refused(tmp_path, numbers):
    with (
        artifacts.open_artifact(kept(tmp_path / "a.h5", [3, 5, 9, 11])) as reader,
        pytest.raises(ArtifactError, match="lacks some of the frames"),
    ):
        reader.rows("clip", "ten", numbers)


def test_a_dataset_that_is_not_there_has_no_rows(tmp_path):
    with artifacts.open_artifact(kept(tmp_path / "a.h5", [3, 5])) as reader:
        assert reader.length("clip") == 2
        assert reader.length("clip", "other") == 0
        assert (reader.has("clip", "ten"), reader.has("clip", "other")) == (True, False)
        assert ("clip" in reader, "other" in reader) == (True, False)
        with pytest.raises(ArtifactError, match="has no dataset 'other'"):
            reader.read("clip", "other")


# checking


def test_every_chunk_is_read_back(tmp_path):
    """A flipped byte in the last of several chunks of a dataset is found."""
    path = tmp_path / "a.h5"
    with artifacts.create(path, "heatmaps") as output:
        noise = np.random.default_rng(1).integers(0, 255, (40, 64), np.uint8)
        output.clip("clip").append(frame=np.arange(40, dtype=np.int32), noise=noise, chunk=8, compress=False)
    content = path.read_bytes()
    at = content.index(noise[39].tobytes())
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    with artifacts.open_artifact(path) as reader:
        assert reader.read("clip", "noise", slice(0, 8)).tolist() == noise[:8].tolist()
        with pytest.raises(ArtifactError, match="clip/noise is damaged"):
            reader.check("clip")


def uneven(path: Path) -> None:
    with artifacts.create(path, "heatmaps") as output:
        group = output.clip("clip")
        group.append(frame=np.arange(3, dtype=np.int32))
        group.extend("maps", np.zeros((2, 4), np.float32))


def test_only_what_belongs_to_frames_is_as_long_as_they_are(tmp_path):
    """Sound and packed bytes are of one dimension, and have lengths of their own."""
    path = tmp_path / "a.h5"
    with artifacts.create(path, "frames") as output:
        group = output.clip("clip")
        group.append(frame=np.arange(3, dtype=np.int32))
        group.extend("sound", np.zeros(500, np.float32))
    with artifacts.open_artifact(path) as reader:
        reader.check("clip")
        assert reader.length("clip", "sound") == 500
    with pytest.raises(ArtifactError, match="clip/maps has 2 rows for 3 frames"):
        uneven(tmp_path / "b.h5")


def test_arrays_of_a_batch_are_equally_long(tmp_path):
    with (
        pytest.raises(ValueError, match="must be equally long"),
        artifacts.create(tmp_path / "a.h5", "heatmaps") as output,
    ):
        output.clip("clip").append(frame=np.arange(3), maps=np.zeros((2, 4)))


def test_chunks_are_of_eight_frames_or_1024_values(tmp_path):
    with artifacts.create(tmp_path / "a.h5", "heatmaps") as output:
        output.clip("clip").append(frame=np.arange(20), maps=np.zeros((20, 4, 4), np.float16))
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["clip/maps"].chunks == (8, 4, 4)
        assert file["clip/frame"].chunks == (1024,)
        assert file["clip/maps"].compression == "gzip"


# writing


def test_folders_are_made_on_the_way(tmp_path):
    artifacts.write_text(tmp_path / "a/b/c.txt", "x")
    assert (tmp_path / "a/b/c.txt").read_text() == "x"


def test_what_does_not_change_is_not_touched_and_says_so(tmp_path):
    path = tmp_path / "a.txt"
    assert artifacts.write_text_if_changed(path, "x") is True
    stamp = path.stat().st_mtime_ns
    assert artifacts.write_text_if_changed(path, "x") is False
    assert path.stat().st_mtime_ns == stamp
    assert artifacts.write_text_if_changed(path, "y") is True
    assert path.read_text() == "y"


def test_json_is_sorted_and_readable(tmp_path):
    path = tmp_path / "a.json"
    assert artifacts.write_json(path, {"b": "\u00e9", "a": 1}) is True
    assert path.read_text(encoding="utf-8") == '{\n "a": 1,\n "b": "\u00e9"\n}\n'
    assert artifacts.write_json(path, {"a": 1, "b": "\u00e9"}) is False
    assert artifacts.read_json(path) == {"a": 1, "b": "\u00e9"}
    path.write_text("{")
    with pytest.raises(ArtifactError, match=r"a\.json"):
        artifacts.read_json(path)
    assert artifacts.write_json(path, 1) is True, "one that is damaged is written again"


def test_attributes_are_sorted_json(tmp_path):
    with artifacts.open_artifact(kept(tmp_path / "a.h5", [1])) as reader:
        known = reader.attributes()
    assert known["settings"] == '{"a": [2], "b": 1}'
    assert (known["fps"], known["kind"], known["schema_version"]) == (8, "heatmaps", 1)


# the plan


class Folder:
    """A dataset in a folder, of files that hold their name."""

    def __init__(self, root: Path, *names: str, labelled: bool = True):
        self.root, self.names, self.labelled = root, names, labelled
        root.mkdir(exist_ok=True)
        for name in names:
            (root / f"{name}.mp4").write_text(name)

    def clips(self) -> list[Clip]:
        return [Clip(name, f"{name}.mp4") for name in self.names]

    def annotations(self) -> dict[str, Annotations]:
        return {name: Annotations((Box(0.5, 1, 2, 3, 4, "car", True),)) for name in self.names}

    def problems(self) -> list[str]:
        return []

    def notes(self) -> list[str]:
        return []


def test_annotations_of_a_clip_that_went_stay_and_those_of_one_that_stays_are_its_own(tmp_path):
    plan = Plan(tmp_path / "results")
    plan.update(Folder(tmp_path / "data", "a", "b", "c"), 2)
    file = plan.annotation_file("00001")
    assert sorted(artifacts.read_json(file)) == ["a", "b"]

    class Other(Folder):
        def annotations(self) -> dict[str, Annotations]:
            return {"a": Annotations((Box(7, 1, 2, 3, 4, "bus", True),))}

    other = Other(tmp_path / "data", "a")
    plan.update(other, 2)
    known = artifacts.read_json(file)
    assert known["a"] == other.annotations()["a"].to_json(), "corrected"
    assert known["b"] == Folder(tmp_path / "data", "b").annotations()["b"].to_json(), "as it was"
    assert plan.present() == {"a": "00001"}
    assert plan.shards() == ["00001"]


def test_shards_hold_so_many_clips_in_order(tmp_path):
    plan = Plan(tmp_path / "results")
    assert plan.present() == {}
    assert plan.update(Folder(tmp_path / "data", "d", "a", "c", "b", "e"), 2) == ["00001", "00002", "00003"]
    assert plan.present() == {"a": "00001", "b": "00001", "c": "00002", "d": "00002", "e": "00003"}
    assert json.loads(plan.shard_file("00001").read_text())["version"] == 1


def test_a_still_at_the_start_of_its_sound_is_not_one_in_its_middle():
    for anchor_s in (None, 0.0, 2.5):
        still = PlannedClip("a", "a.jpg", "0", "a.wav", "1", still=True, anchor_s=anchor_s)
        assert PlannedClip.from_json(still.to_json()) == still
    assert "still" not in PlannedClip("a", "a.mp4", "0").to_json()


def test_which_clips_can_be_planned():
    clips = [Clip("a", "a.mp4"), Clip("b", "b.mp4"), Clip("c", None)]
    assert [clip.name for clip in usable_clips(clips, {"a", "c"}, labelled=True)] == ["a"]
    assert [clip.name for clip in usable_clips(clips, {"a"}, labelled=False)] == ["a", "b"]


def test_a_file_is_read_once_while_size_and_time_stay(tmp_path, monkeypatch):
    reads = []
    monkeypatch.setattr("flowgrad.plan.file_sha256", lambda path: reads.append(path.name) or "0" * 64)
    file = tmp_path / "a.mp4"
    file.write_text("one")
    for _ in range(2):
        cache = FingerprintCache(tmp_path / "cache.json")
        assert cache.digest(file) == "0" * 64
        cache.save()
    assert reads == ["a.mp4"]
    file.write_text("four")
    FingerprintCache(tmp_path / "cache.json").digest(file)
    assert reads == ["a.mp4", "a.mp4"]
