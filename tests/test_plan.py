"""The plan: what is done stays done."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from flowgrad.datasets.base import Annotations, Box, Clip, SoundEvent
from flowgrad.datasets.registry import open_dataset
from flowgrad.datasets.stored import read_annotations
from flowgrad.plan import FingerprintCache, Plan
from flowgrad.shard import PlannedClip, note_gone, read_shard


class Folder:
    """A folder of stand-in videos (the plan reads bytes, not pictures) and its plan."""

    def __init__(self, root: Path, clips_per_job: int | Literal["auto"] = 2):
        self.videos, self.plan, self.clips_per_job = root / "videos", Plan(root / "results"), clips_per_job
        self.videos.mkdir(parents=True, exist_ok=True)

    def put(self, name: str, content: str = "") -> None:
        path = self.videos / f"{name}.mp4"
        path.write_text(content or name)

    def update(self) -> dict[str, list[str]]:
        shards = self.plan.update(open_dataset("videos", self.videos), self.clips_per_job)
        present = self.plan.present()
        return {shard: sorted(clip for clip, home in present.items() if home == shard) for shard in shards}

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((self.plan.folder / "shards").iterdir())}


def test_new_clips_go_to_new_shards(tmp_path):
    folder = Folder(tmp_path)
    for name in "abc":
        folder.put(name)
    assert folder.update() == {"00001": ["a", "b"], "00002": ["c"]}
    before = folder.files()
    folder.put("aa")
    assert folder.update() == {"00001": ["a", "b"], "00002": ["c"], "00003": ["aa"]}
    assert {name: folder.files()[name] for name in before} == before


def test_an_unchanged_dataset_touches_nothing(tmp_path):
    folder = Folder(tmp_path)
    folder.put("a")
    folder.update()
    times = {path: path.stat().st_mtime_ns for path in folder.plan.folder.rglob("*") if path.is_file()}
    os.utime(folder.videos / "a.mp4")
    folder.update()
    kept = {path: path.stat().st_mtime_ns for path in times if path.name != "fingerprints.json"}
    assert kept == {path: time for path, time in times.items() if path.name != "fingerprints.json"}


def test_a_changed_clip_redoes_its_own_shard(tmp_path):
    folder = Folder(tmp_path)
    for name in "abc":
        folder.put(name)
    folder.update()
    before = folder.files()
    folder.put("c", "encoded anew")
    folder.update()
    changed = [name for name, content in folder.files().items() if before[name] != content]
    assert changed == ["00002.json"]


def test_a_removed_clip_redoes_nothing_unless_a_job_missed_it(tmp_path):
    folder = Folder(tmp_path)
    for name in "abc":
        folder.put(name)
    folder.update()
    before = folder.files()
    (folder.videos / "a.mp4").unlink()
    assert folder.update() == {"00001": ["b"], "00002": ["c"]}
    assert folder.files() == before
    folder.put("a")
    assert folder.update() == {"00001": ["a", "b"], "00002": ["c"]}
    assert folder.files() == before
    note_gone(folder.plan.shard_file("00001"), "a")
    folder.update()
    changed = [name for name, content in before.items() if folder.files()[name] != content]
    assert changed == ["00001.json"]
    assert folder.update() == {"00001": ["a", "b"], "00002": ["c"]}
    assert not list(folder.plan.folder.rglob("*.gone"))


def test_a_look_at_another_dataset_costs_nothing(tmp_path):
    """The same results folder planned for other videos and back: every shard file is as it was."""
    folder = Folder(tmp_path)
    for name in "abc":
        folder.put(name)
    folder.update()
    before = folder.files()
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.mp4").write_text("x")
    folder.plan.update(open_dataset("videos", other), 2)
    folder.put("b", "looked at with another b")
    folder.update()
    folder.put("b")
    assert folder.update() == {"00001": ["a", "b"], "00002": ["c"]}
    assert {name: folder.files()[name] for name in before} == before


def test_another_clips_per_job_leaves_the_shards_that_exist(tmp_path):
    folder = Folder(tmp_path, clips_per_job=3)
    for name in "abcd":
        folder.put(name)
    before = folder.update()
    folder.clips_per_job = 1
    assert folder.update() == before


def test_few_clips_make_several_shards_and_what_comes_later_leaves_them(tmp_path):
    """Whatever the machine: 22 clips are five shards, nine more of them three, and one more is one."""
    folder = Folder(tmp_path, clips_per_job="auto")
    for number in range(22):
        folder.put(f"a{number:02d}")
    first = folder.update()
    assert [len(clips) for clips in first.values()] == [5, 5, 5, 5, 2]
    for number in range(9):
        folder.put(f"b{number}")
    second = folder.update()
    assert [len(clips) for clips in second.values()] == [5, 5, 5, 5, 2, 3, 3, 3]
    assert {shard: second[shard] for shard in first} == first
    folder.put("c")
    assert [len(clips) for clips in folder.update().values()][5:] == [3, 3, 3, 1]
    (folder.videos / "a00.mp4").unlink()
    folder.put("a01", "encoded anew")
    assert len(folder.update()) == 9


edits = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["put", "change", "remove"])), max_size=12)


@given(edits, st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_any_history_gives_every_clip_one_shard(tmp_path_factory, history, clips_per_job):
    """Whatever is added, changed and removed in whatever order, each clip present has one shard that lists it."""
    folder = Folder(tmp_path_factory.mktemp("history"), clips_per_job)
    for step, (name, edit) in enumerate(history):
        if edit == "remove":
            (folder.videos / f"{name}.mp4").unlink(missing_ok=True)
        else:
            folder.put(name, f"{step}" if edit == "change" else "")
        folder.update()
    present = {path.stem for path in folder.videos.iterdir()}
    assert set(folder.plan.present()) == present
    for clip, shard in folder.plan.present().items():
        assert clip in {planned.name for planned in read_shard(folder.plan.shard_file(shard))}
    homes = [c.name for shard in folder.plan.shards() for c in read_shard(folder.plan.shard_file(shard))]
    assert len(homes) == len(set(homes))
    assert all(len(read_shard(folder.plan.shard_file(shard))) <= clips_per_job for shard in folder.plan.shards())


def test_what_cannot_be_read_is_a_row_and_no_more(tmp_path):
    """A link that leads nowhere and a name that is no UTF-8 each get a reason; the others are planned."""
    folder = Folder(tmp_path)
    folder.put("good")
    (folder.videos / "lost.mp4").symlink_to(tmp_path / "nowhere.mp4")
    Path(os.fsdecode(os.fsencode(folder.videos) + b"/\xff.mp4")).write_text("x")
    assert folder.update() == {"00001": ["good"]}
    table = folder.plan.clips_file.read_text()
    assert "lost,,cannot be read: No such file or directory" in table
    assert "not UTF-8" in table


def test_links_are_followed_once(tmp_path):
    folder = Folder(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a.mp4").write_text("a")
    (folder.videos / "sub").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/loop").symlink_to(folder.videos)
    assert folder.update() == {"00001": ["sub__a"]}


def test_names_that_file_systems_allow(tmp_path):
    """Spaces, quotes, commas, unicode and equal stems all get names of their own."""
    folder = Folder(tmp_path, clips_per_job=10)
    names = ["a b", "ünï", 'quo"te', "semi;colon", "comma,comma", "dot.dot", "x" * 200]
    for name in names:
        folder.put(name)
    (folder.videos / "a b.webm").write_text("other container")
    (folder.videos / "sub").mkdir()
    (folder.videos / "sub" / "ünï.mp4").write_text("same stem")
    assert folder.update() == {"00001": sorted([*names[1:], "a b.mp4", "a b.webm", "sub__ünï"])}


SHA_A, SHA_B = (
    "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
    "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d",
)
"""The SHA-256 of ``a`` and of ``b``."""


def test_a_file_is_read_again_where_its_size_or_its_time_differs(tmp_path):
    path = tmp_path / "file"
    cache = FingerprintCache(tmp_path / "cache.json")
    path.write_text("a")
    os.utime(path, ns=(1, 10**18))
    assert cache.digest(path) == SHA_A
    cache.save()

    def remembered() -> str:
        return FingerprintCache(tmp_path / "cache.json").digest(path)

    path.write_text("b")
    os.utime(path, ns=(1, 10**18))
    assert remembered() == SHA_A, "of the same size and time: not read"
    os.utime(path, ns=(1, 10**18 + 1))
    assert remembered() == SHA_B, "of the same size"
    path.write_text("bb")
    os.utime(path, ns=(1, 10**18))
    assert remembered() not in (SHA_A, SHA_B), "of the same time"


def test_a_replaced_video_of_the_same_size_redoes_its_shard(tmp_path):
    folder = Folder(tmp_path)
    for name in "abc":
        folder.put(name)
    folder.update()
    before = folder.files()
    stamp = (folder.videos / "b.mp4").stat().st_mtime_ns
    folder.put("b", "x")
    os.utime(folder.videos / "b.mp4", ns=(stamp, stamp + 10**9))
    folder.update()
    assert [name for name, content in folder.files().items() if before[name] != content] == ["00001.json"]


@dataclass
class Sounding:
    """A dataset whose sound lies in files of its own, with annotations."""

    root: Path
    known: dict[str, Annotations] = field(default_factory=dict)
    labelled = True

    def clips(self) -> list[Clip]:
        stems = sorted(self.known.keys() | {path.stem for path in self.root.glob("*.mp4")})
        return [Clip(stem, f"{stem}.mp4", f"{stem}.wav") for stem in stems if (self.root / f"{stem}.mp4").is_file()]

    def annotations(self) -> dict[str, Annotations]:
        return self.known


def known(label: str) -> Annotations:
    return Annotations((Box(1, 1, 1, 2, 2, label, True),), (SoundEvent(0, 2, label, True),))


def test_a_changed_sound_file_redoes_its_shard(tmp_path):
    data = Sounding(tmp_path, {name: known("car") for name in "abc"})
    for name in "abc":
        (tmp_path / f"{name}.mp4").write_text(name)
        (tmp_path / f"{name}.wav").write_text("a")
    plan = Plan(tmp_path / "results")
    assert plan.update(data, 2) == ["00001", "00002"]
    (clip,) = read_shard(plan.shard_file("00002"))
    assert (clip.sound, clip.sound_sha256) == ("c.wav", SHA_A)
    before = {shard: plan.shard_file(shard).read_bytes() for shard in plan.shards()}
    (tmp_path / "c.wav").write_text("sounds otherwise")
    plan.update(data, 2)
    changed = [shard for shard, content in before.items() if plan.shard_file(shard).read_bytes() != content]
    assert changed == ["00002"]


def test_a_removed_clip_keeps_its_annotations_and_a_corrected_one_does_not(tmp_path):
    data = Sounding(tmp_path, {name: known("car") for name in "ab"})
    for name in "ab":
        (tmp_path / f"{name}.mp4").write_text(name)
        (tmp_path / f"{name}.wav").write_text(name)
    plan = Plan(tmp_path / "results")
    plan.update(data, 2)
    shard = plan.shard_file("00001").read_bytes()
    (tmp_path / "a.mp4").unlink()
    data.known = {"b": known("bus")}
    plan.update(data, 2)
    assert read_annotations(plan.annotation_file("00001")) == {"a": known("car"), "b": known("bus")}
    assert plan.present() == {"b": "00001"}
    assert plan.shard_file("00001").read_bytes() == shard, "a corrected box redoes scores, not maps"


def test_a_clip_of_a_labelled_dataset_without_annotations_is_in_no_shard(tmp_path):
    data = Sounding(tmp_path, {"a": known("car")})
    for name in "ab":
        (tmp_path / f"{name}.mp4").write_text(name)
        (tmp_path / f"{name}.wav").write_text(name)
    plan = Plan(tmp_path / "results")
    plan.update(data, 2)
    assert plan.clips_file.read_text() == (
        "video,shard,reason,place,picture\na,00001,,a,a\nb,,no annotations: left out of a labelled dataset,b,\n"
    )
    assert plan.present() == {"a": "00001"}


def test_a_rendered_video_is_known_by_its_file_once_it_is_there(tmp_path):
    """Before, and for every other video, the plan's own digest counts."""
    rendered = PlannedClip("a", "a.mp4", "digest of settings", rendered=True)
    assert rendered.source_sha256(tmp_path) == "digest of settings"
    (tmp_path / "a.mp4").write_text("a")
    assert rendered.source_sha256(tmp_path) == SHA_A
    assert PlannedClip("a", "a.mp4", "planned").source_sha256(tmp_path) == "planned"
