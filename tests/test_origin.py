"""A results folder belongs to one dataset: which one is taken for the same, which is refused, and what a refusal is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from flowgrad.config import parse
from flowgrad.datasets.controls import shuffle_sound
from flowgrad.errors import InputError
from flowgrad.last_run import remove_outdated
from flowgrad.origin import LOOKED_AT, note_origin, origin_of, refusal
from flowgrad.plan import Plan
from flowgrad.work_folder import work_folder


def videos(root: Path, *names: str, salt: str = "") -> Path:
    """A folder of stand-in videos (the plan reads bytes, not pictures)."""
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        (root / f"{name}.mp4").write_text(name + salt)
    return root


def configuration(root: Path, form: str = "videos"):
    return parse({"dataset": {"format": form, "root": str(root)}, "models": ["flow"]})


def planned(results: Path, root: Path, form: str = "videos", noted: bool = True) -> Path:
    """Plan a dataset in a results folder, as a run does before its first job, and make something there."""
    config = configuration(root, form)
    if noted:
        note_origin(results, config)
    Plan(results).update(config.open_dataset(), clips_per_job=4)
    (results / "status").mkdir(exist_ok=True)
    (results / "status/00001.csv").write_text("made\n")
    return results


def refused(results: Path, root: Path, form: str = "videos") -> str | None:
    config = configuration(root, form)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in results.rglob("*") if path.is_file()}
    found = refusal(results, config, config.open_dataset())
    assert before == {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before}
    assert set(before) == {path for path in results.rglob("*") if path.is_file()}
    return found


@pytest.fixture
def results(tmp_path) -> Path:
    """A results folder of the clips a to j."""
    return planned(tmp_path / "work/results", videos(tmp_path / "one", *"abcdefghij"))


@pytest.mark.parametrize("note", [None, {"format": "videos", "labelled": False, "root": "/data"}])
def test_results_of_an_earlier_layout_are_refused(tmp_path, note):
    """Made before there was a note, or by a version whose files had other names: in the same place, too."""
    results = planned(tmp_path / "results", videos(tmp_path / "one", *"ab"), noted=False)
    if note is not None:
        (results / "plan/dataset.json").write_text(json.dumps(note))
    assert refused(results, tmp_path / "one") == (
        f"results: {results} is of an earlier version of flowgrad, which this one cannot go on with; name another"
        " working folder (--directory), or delete or rename that folder"
    )
    (results / "status/00001.csv").unlink()
    assert refused(results, tmp_path / "one") is None, "nothing but a plan is there"


def test_a_dataset_that_moved_and_then_grew_or_shrank_is_the_same(results, tmp_path):
    assert refused(results, tmp_path / "one") is None
    moved = (tmp_path / "one").rename(tmp_path / "elsewhere")
    assert refused(results, moved) is None
    videos(moved, *"klmnopqrstuvw")
    assert refused(results, moved) is None
    for name in "cdefghijklmnopqrstuvw":
        (moved / f"{name}.mp4").unlink()
    assert refused(results, moved) is None
    videos(moved, *"ab", salt="encoded anew")
    assert "holds the results of" in refused(results, moved)


def test_another_dataset_is_refused_in_a_sentence_with_both_ways_out(results, tmp_path):
    others = {
        "other names": videos(tmp_path / "two", *"klm"),
        "the same names": videos(tmp_path / "three", *"abcdefghij", salt="other"),
        "a few in common": videos(tmp_path / "four", *"ab", *"klmnop"),
    }
    for what, root in others.items():
        said = refused(results, root)
        assert said is not None, what
        assert said.startswith(f"dataset: {results} holds the results of ")
        assert f"not of {root} (format: videos)" in said
        assert said.endswith("name another working folder (--directory), or delete or rename that folder")
    streets = parse({})
    assert "not of rendered streets" in refusal(results, streets, streets.open_dataset())


def test_a_replaced_clip_where_the_dataset_always_was_is_no_other_dataset(tmp_path):
    results = planned(tmp_path / "results", videos(tmp_path / "one", *"ab"))
    videos(tmp_path / "one", *"ab", salt="encoded anew")
    assert refused(results, tmp_path / "one") is None


def test_many_clips_are_told_by_some(tmp_path, monkeypatch):
    """Of a moved dataset only some files are read; whole datasets take minutes."""
    names = [f"clip{number:03d}" for number in range(200)]
    results = planned(tmp_path / "results", videos(tmp_path / "one", *names))
    moved = (tmp_path / "one").rename(tmp_path / "moved")
    from flowgrad import plan

    read: list[Path] = []
    digest = plan.file_sha256
    monkeypatch.setattr(plan, "file_sha256", lambda path: read.append(path) or digest(path))
    assert refused(results, moved) is None
    assert LOOKED_AT / 2 < len(read) <= LOOKED_AT
    videos(moved, *names[100:], salt="other")
    assert refused(results, moved) is not None


def urbansas(root: Path, *clips: str) -> Path:
    (root / "annotations").mkdir(parents=True)
    videos(root / "clips", *clips)
    boxes = "".join(f"{clip},0.5,1,1,5,5,1,car\n" for clip in clips)
    (root / "annotations/video_annotations.csv").write_text(f"filename,time,x,y,w,h,visibility,label\n{boxes}")
    events = "".join(f"{clip},0,1,car,0\n" for clip in clips)
    header = "filename,start,end,label,non_identifiable_vehicle_sound\n"
    (root / "annotations/audio_annotations.csv").write_text(header + events)
    return root


def test_one_folder_read_in_two_formats_is_two_datasets(tmp_path):
    root = urbansas(tmp_path / "data", "a", "b")
    labelled = planned(tmp_path / "labelled/results", root, "urbansas")
    unlabelled = planned(tmp_path / "unlabelled/results", root, "videos")
    assert refused(labelled, root, "urbansas") is None
    assert refused(unlabelled, root, "videos") is None
    assert "(format: urbansas), and not of" in refused(labelled, root, "videos")
    assert "(format: videos), and not of" in refused(unlabelled, root, "urbansas")


def test_the_wrong_sound_is_another_dataset(tmp_path):
    """What flowgrad shuffle-sound writes has the same videos under the same names."""
    from test_generated import moving_square

    root = moving_square(tmp_path / "data", "apple", "berry", "cherry")
    results = planned(tmp_path / "results", root, "urbansas")
    shuffle_sound(root, tmp_path / "wrong")
    assert refused(results, tmp_path / "wrong", "urbansas") is not None


def test_streets_with_other_settings_are_the_same(tmp_path):
    results, config = tmp_path / "results", parse({"streets": {"labelled": 2}})
    note_origin(results, config)
    Plan(results).update(config.open_dataset(), clips_per_job=4)
    (results / "clips.csv").write_text("made\n")
    other = parse({"streets": {"labelled": 3, "seconds": 9, "seed": 4}})
    assert refusal(results, other, other.open_dataset()) is None
    assert "holds the results of rendered streets" in refused(results, videos(tmp_path / "one", "a"))


def test_a_folder_that_was_only_looked_at_is_free(tmp_path):
    """A dry run plans, for what it looks at and for what would be learnt from, and makes nothing."""
    results = planned(tmp_path / "results", videos(tmp_path / "one", "a"))
    Plan(results / "training").update(configuration(tmp_path / "one").open_dataset(), clips_per_job=4)
    other = videos(tmp_path / "two", "b")
    assert refused(results, other) is not None
    (results / "status/00001.csv").unlink()
    assert refused(results, other) is None
    lock = tmp_path / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    assert refused(results, other) is not None, "a run has begun there"


def test_nothing_is_compared_where_nothing_is(tmp_path):
    assert refused(tmp_path / "results", videos(tmp_path / "one", "a")) is None
    assert origin_of(tmp_path / "results") is None


def test_each_dataset_finds_its_working_folder(tmp_path):
    """Of two of one name, also when it moved, also when the folder of the other was removed."""
    runs = tmp_path / "runs"
    one, two = videos(tmp_path / "1/my street", "a"), videos(tmp_path / "2/my street", "b")
    assert work_folder(configuration(one), runs) == runs / "my_street"
    planned(runs / "my_street/results", one)
    assert work_folder(configuration(one), runs) == runs / "my_street"
    assert work_folder(configuration(two), runs) == runs / "my_street-2"
    planned(runs / "my_street-2/results", two)
    shutil.rmtree(runs / "my_street")
    assert work_folder(configuration(two), runs) == runs / "my_street-2"
    (tmp_path / "3").mkdir()
    assert work_folder(configuration(two.rename(tmp_path / "3/my street")), runs) == runs / "my_street-2"
    assert work_folder(configuration(one), runs) == runs / "my_street"
    assert work_folder(configuration(Path("/")), runs) == runs / "dataset"


def test_too_many_of_one_name(tmp_path, monkeypatch):
    from flowgrad import work_folder as module

    monkeypatch.setattr(module, "OF_ONE_NAME", 2)
    for number in ("", "-2"):
        planned(tmp_path / f"runs/street{number}/results", videos(tmp_path / f"of{number}", f"clip{number}"))
    with pytest.raises(InputError, match="holds the results of 2 other datasets named street; remove some"):
        work_folder(configuration(videos(tmp_path / "street", "a")), tmp_path / "runs")


def test_only_what_a_job_made_is_removed(tmp_path):
    files = [
        "pictures/paper/00001.png",
        "pictures/paper/00002.png",
        "pictures/paper/00003.png",
        "pictures/released/00001.png",
        "pictures/mine/00001.png",
        "pictures/paper/holiday.png",
        "metrics/summary.csv",
        "metrics/frames.csv",
        "metrics/notes.txt",
    ]
    logs = [f"logs/sheet/{name}.log" for name in ("paper/00001", "paper/00002", "released/00001")]
    for name in (*files, *logs, "logs/summary.log"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")

    def left() -> set[str]:
        return {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}

    remove_outdated(tmp_path, {("paper", "00001")}, labelled=True, protocols={"paper"}, sliced=True)
    assert left() == {*files, logs[0], "logs/summary.log"} - {"pictures/paper/00002.png", "pictures/released/00001.png"}
    assert not (tmp_path / "pictures/released").exists()
    remove_outdated(tmp_path, set(), labelled=False, protocols={"paper"}, sliced=False)
    kept = {"pictures/paper/00003.png", "pictures/mine/00001.png", "pictures/paper/holiday.png", "metrics/notes.txt"}
    assert left() == kept
