"""Artifacts: whole or absent, refused when damaged, the same bytes for the same content."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from flowgrad import artifacts
from flowgrad.artifacts import ArtifactError
from flowgrad.errors import InputError


def write(path: Path, frames: int = 20) -> Path:
    with artifacts.create(path, "heatmaps", method="flow") as output:
        group = output.clip("clip", source_sha256="0" * 64)
        for start in range(0, frames, 8):
            numbers = np.arange(start, min(start + 8, frames), dtype=np.int32)
            maps = np.random.default_rng(start).random((len(numbers), 32, 32)).astype(np.float16)
            group.append(frame=numbers, time_s=numbers / 8, maps=maps)
    return path


def test_round_trip_and_layout(tmp_path):
    path = write(tmp_path / "a.h5")
    with h5py.File(path) as file:
        assert file.attrs["complete"]
        maps = file["clip/maps"]
        assert maps.chunks == (8, 32, 32)
        assert maps.fletcher32
        assert maps.compression == "gzip"
    with artifacts.open_artifact(path, "heatmaps") as reader:
        assert reader.read("clip", "frame").tolist() == list(range(20))
        np.testing.assert_array_equal(
            reader.read("clip", "maps", slice(8, 16)),
            np.random.default_rng(8).random((8, 32, 32)).astype(np.float16),
        )


def test_datasets_of_one_clip_are_open_at_a_time(tmp_path, monkeypatch):
    """Each keeps chunks in memory: neither reading many clips nor checking what was written may grow."""
    opened, check = [], artifacts.ArtifactReader.check

    def note(reader: artifacts.ArtifactReader) -> None:
        file = reader._file.id
        opened.append(h5py.h5f.get_obj_count(file, h5py.h5f.OBJ_DATASET))
        assert file.get_access_plist().get_cache()[2] == 1 << 21

    def checked(reader: artifacts.ArtifactReader, clip: str) -> None:
        check(reader, clip)
        note(reader)

    monkeypatch.setattr(artifacts.ArtifactReader, "check", checked)
    path, names = tmp_path / "a.h5", ("frame", "time_s", "maps")
    with artifacts.create(path, "heatmaps") as output:
        for clip in "abcde":
            output.clip(clip).append(frame=np.arange(3), time_s=np.arange(3) / 8, maps=np.zeros((3, 4, 4)))
    assert len(opened) == 5
    with artifacts.open_artifact(path) as reader:
        for clip in "abcdeab":
            for name in names:
                reader.read(clip, name)
                note(reader)
    assert max(opened) == len(names)


def test_same_content_same_bytes(tmp_path):
    assert write(tmp_path / "a.h5").read_bytes() == write(tmp_path / "b.h5").read_bytes()


def test_a_failure_leaves_no_file(tmp_path):
    def fail_midway() -> None:
        with artifacts.create(tmp_path / "a.h5", "heatmaps") as output:
            output.clip("clip").append(frame=np.arange(3), maps=np.zeros((3, 4, 4)))
            raise RuntimeError("the job dies here")

    with pytest.raises(RuntimeError, match="dies"):
        fail_midway()
    assert list(tmp_path.iterdir()) == []


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    """What a cluster's lost node still writes, while its job runs again elsewhere: each whole, the last one stays."""
    path = tmp_path / "a.txt"
    with artifacts.replacing(path) as lost, artifacts.replacing(path) as again:
        assert lost != again
        lost.write_text("lost")
        again.write_text("again")
    assert path.read_text() == "lost"
    assert list(tmp_path.iterdir()) == [path]


def test_no_lock_is_asked_for(tmp_path):
    """A shared file system may have no locks, or stale ones."""
    path = write(tmp_path / "a.h5")
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(OSError, match="lock"):
            h5py.File(path)
        with artifacts.open_artifact(path) as reader:
            assert reader.clips() == ["clip"]


def test_values_that_are_not_finite_are_never_written(tmp_path):
    def write_nan() -> None:
        with artifacts.create(tmp_path / "a.h5", "heatmaps") as output:
            output.clip("clip").append(frame=np.arange(1), maps=np.full((1, 4, 4), np.nan))

    with pytest.raises(ValueError, match="not finite"):
        write_nan()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_nothing_under_the_final_name(tmp_path):
    """SIGKILL while writing: the final name never exists half written."""
    script = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
import numpy as np
from flowgrad import artifacts
with artifacts.create({str(tmp_path / "a.h5")!r}, "heatmaps") as output:
    group = output.clip("clip")
    print("started", flush=True)
    for number in range(10**6):
        group.append(frame=np.array([number]), maps=np.random.random((1, 64, 64)))
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    deadline = time.monotonic() + 30
    while not any(path.stat().st_size > 50_000 for path in tmp_path.iterdir()):
        assert time.monotonic() < deadline
    process.kill()
    process.wait()
    process.stdout.close()
    assert not (tmp_path / "a.h5").exists()


@pytest.mark.parametrize("size", ["64k", "1200k", "1600k"])
def test_a_full_disk_leaves_nothing(tmp_path, size):
    """No space left, at once or half-way: one sentence says so, and neither file nor remains are there."""
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", small]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    script = "import sys; from pathlib import Path; from test_artifacts import write; write(Path(sys.argv[1]), 400)"
    try:
        # a process of its own, as a job is: HDF5 does not recover from a full disk within one
        command = [sys.executable, "-c", script, small / "a.h5"]
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "no space left" in done.stderr
        assert str(small) in done.stderr
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_flipped_byte_is_noticed_wherever_it_is(tmp_path):
    """Sixty places in the file, its inner structures among them: refused, or it changed nothing that is read."""

    def read_all(path: Path) -> list[np.ndarray]:
        with artifacts.open_artifact(path, "heatmaps") as reader:
            return [reader.read("clip", name) for name in ("frame", "time_s", "maps")]

    whole = write(tmp_path / "whole.h5", frames=24)
    expected, content = read_all(whole), whole.read_bytes()
    refused = 0
    for position in np.linspace(0, len(content) - 1, 60, dtype=int):
        path = tmp_path / "damaged.h5"
        path.write_bytes(content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :])
        try:
            found = read_all(path)
        except ArtifactError as error:
            assert "damaged.h5" in str(error)
            refused += 1
        else:
            for one, other in zip(expected, found, strict=True):
                np.testing.assert_array_equal(one, other)
    assert refused > 50


def test_what_is_refused(tmp_path):
    def opened(path: Path, kind: str = "heatmaps") -> None:
        with artifacts.open_artifact(path, kind):
            pass

    whole = write(tmp_path / "whole.h5")
    with pytest.raises(ArtifactError, match="holds 'heatmaps', expected 'flow'"):
        opened(whole, "flow")
    with pytest.raises(ArtifactError, match="cannot be opened"):
        opened(tmp_path / "absent.h5")
    cut = tmp_path / "cut.h5"
    cut.write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(ArtifactError, match=r"cut\.h5"):
        opened(cut)
    with h5py.File(whole, "r+") as file:
        del file.attrs["complete"]
    with pytest.raises(ArtifactError, match="not completed"):
        opened(whole)


def test_tables(tmp_path):
    path = tmp_path / "t.csv"
    artifacts.write_table(path, pd.DataFrame({"video": ["NA", "b"], "ciou": [1 / 3, float("nan")]}))
    assert path.read_bytes() == b"video,ciou\nNA,0.333333\nb,\n"
    table = artifacts.read_table(path, {"video": "str", "ciou": "float64"})
    assert table["video"].tolist() == ["NA", "b"], "a clip may be called NA"
    with pytest.raises(ArtifactError, match="'status' is missing"):
        artifacts.read_table(path, {"status": "str"})


def test_unchanged_text_is_not_touched(tmp_path):
    path = tmp_path / "a.json"
    assert artifacts.write_json(path, {"a": 1})
    stamp = path.stat().st_mtime_ns
    assert not artifacts.write_json(path, {"a": 1})
    assert path.stat().st_mtime_ns == stamp


def test_a_file_is_on_the_disk_before_it_is_renamed(tmp_path, monkeypatch):
    """Flushed whole, then renamed: the file under the final name is the very one that was written."""
    path, seen = tmp_path / "a.txt", []
    path.write_text("before")
    flush = os.fsync

    def noted(descriptor: int) -> None:
        flush(descriptor)
        seen.append((os.fstat(descriptor).st_ino, os.fstat(descriptor).st_size, path.read_text()))

    monkeypatch.setattr(os, "fsync", noted)
    with artifacts.replacing(path) as temporary:
        temporary.write_text("after")
        written = temporary.stat().st_ino
        assert temporary.parent == path.parent, "a rename within one file system"
        assert temporary.name.startswith(".")
    assert seen == [(written, 5, "before")]
    assert path.stat().st_ino == written
    assert path.read_text() == "after"


def test_what_is_written_is_read_back_before_it_has_its_name(tmp_path, monkeypatch):
    """A disk that loses a bit between writing and reading: no artifact, and the one before stays."""
    path = write(tmp_path / "a.h5", frames=24)
    before, opened = path.read_bytes(), artifacts.open_artifact

    def damaged(written: Path, kind: str | None = None):
        content = bytearray(written.read_bytes())
        middle = len(content) * 2 // 3
        content[middle] ^= 1
        written.write_bytes(content)
        return opened(written, kind)

    monkeypatch.setattr(artifacts, "open_artifact", damaged)
    with pytest.raises(ArtifactError, match="is damaged"):
        write(path, frames=32)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_datasets_of_a_clip_are_equally_long(tmp_path):
    def unequal_batch() -> None:
        with artifacts.create(tmp_path / "a.h5", "heatmaps") as output:
            output.clip("clip").append(frame=np.arange(3), maps=np.zeros((2, 4, 4)))

    def unequal_file() -> None:
        with artifacts.create(tmp_path / "a.h5", "heatmaps") as output:
            group = output.clip("clip")
            group.append(frame=np.arange(3), maps=np.zeros((3, 4, 4)))
            group.extend("maps", np.zeros((1, 4, 4)))

    with pytest.raises(ValueError, match=r"equally long, got \{'frame': 3, 'maps': 2\}"):
        unequal_batch()
    with pytest.raises(ArtifactError, match="clip/maps has 4 rows for 3 frames"):
        unequal_file()
    assert list(tmp_path.iterdir()) == []


def test_another_schema_version_is_refused(tmp_path):
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        assert file.attrs["schema_version"] == 1
        file.attrs["schema_version"] = 2
    with (
        pytest.raises(ArtifactError, match=r"a\.h5: has schema version 2, this is 1; run the stage again"),
        artifacts.open_artifact(path),
    ):
        pass


def test_what_is_not_there_is_named(tmp_path):
    with artifacts.open_artifact(write(tmp_path / "a.h5")) as reader:
        assert reader.length("clip") == 20
        assert reader.length("clip", "other") == 0
        assert reader.has("clip", "maps")
        assert not reader.has("clip", "other")
        assert "clip" in reader
        assert "other" not in reader
        with pytest.raises(ArtifactError, match=r"a\.h5: holds no clip 'other'"):
            reader.read("other", "maps")
        with pytest.raises(ArtifactError, match=r"a\.h5: clip 'clip' has no dataset 'other'"):
            reader.read("clip", "other")


def test_a_sweep_takes_what_killed_processes_left(tmp_path):
    (tmp_path / "deep").mkdir()
    left, living, own = (
        tmp_path / f"deep/.a.h5.tmp-0123abcd-{2**22 + 1}",
        tmp_path / f"deep/.b.h5.tmp-0123abcd-{os.getpid()}",
        tmp_path / "deep/.c.tmp-mine",
    )
    for path in (left, living, own):
        path.write_text("")
    artifacts.sweep(tmp_path)
    assert sorted((tmp_path / "deep").iterdir()) == [living, own]


def test_a_folder_that_holds_something_is_not_written_into(tmp_path):
    artifacts.check_absent_or_empty(tmp_path)
    artifacts.check_absent_or_empty(tmp_path / "absent")
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(InputError, match="exists and is not an empty folder; name another"):
            artifacts.check_absent_or_empty(path)


def test_attributes_are_kept_as_they_are_or_as_json(tmp_path):
    with artifacts.create(tmp_path / "a.h5", "flow", rate=8, settings={"b": 1, "a": [2]}) as output:
        output.clip("clip", source_sha256="0")
        output.existing("clip").attributes(end_s=2.5)
        output.clip("bad")
        output.drop("bad")
    with artifacts.open_artifact(tmp_path / "a.h5", "flow") as reader:
        found = reader.attributes()
        assert (found["rate"], found["settings"]) == (8, '{"a": [2], "b": 1}')
        assert reader.clips() == ["clip"]
        assert reader.attributes("clip") == {"source_sha256": "0", "end_s": 2.5}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_said_and_another_fault_is_left_as_it_is(tmp_path, number):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(ArtifactError, match=r"a\.txt: no space left \(full\); make room"), artifacts.replacing(path):
        raise OSError(number, "full")
    with pytest.raises(OSError, match="broken") as caught, artifacts.replacing(path):
        raise OSError(errno.EIO, "broken")
    assert not isinstance(caught.value, ArtifactError)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
