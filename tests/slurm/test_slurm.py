"""The workflow on a real SLURM: the same bytes as on one machine, whatever befalls its jobs, its nodes and itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import REPOSITORY, network_settings
from local_slurm import Slurm, eventually, local_slurm, why_not
from test_generated import moving_square

pytestmark = pytest.mark.slurm
PROFILE = REPOSITORY / "profiles/slurm"
TABLES = ("metrics/frames.csv", "metrics/summary.csv", "clips.csv")


@pytest.fixture(scope="module")
def slurm(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with local_slurm(reference / "slurm", tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


def assert_same_tables(run, local) -> None:
    assert run.status == 0, run.output
    assert local.status == 0, local.output
    for name in TABLES:
        assert run.bytes_of(name) == local.bytes_of(name), name


def test_a_real_clip_ends_in_the_same_tables(slurm, workflow, dataset, narrow, reference, tmp_path):
    """Networks and a detector; short rules run where the run was started, the others are jobs."""
    config = network_settings(dataset("lyon1029_40200"), narrow, pictures=1)
    config |= {"models": [*config["models"], "yolo-topline"], "page": True, "figures": True, "overlays": "all"}
    config["detector"] = {"weights": str(reference / "weights/yolov8n.pt"), "image_size": 320}
    folder = tmp_path / "cluster"
    with slurm.run(folder, config, "--workflow-profile", PROFILE, "all") as process:
        run = slurm.finish(process, folder)
    assert_same_tables(run, workflow(config, folder=tmp_path / "local"))
    submitted = {job.what.split("_wildcards")[0] for job in slurm.jobs(folder)}
    computed = {"rule_decode", "rule_flow", "rule_heatmaps", "rule_arithmetic", "rule_detect"}
    assert submitted == computed | {"rule_page_part", "rule_overlay"}
    assert not list((folder / "results/logs/slurm").rglob("*.log")), "only those of failed jobs stay"


def test_the_demo_made_small(slurm, workflow, tmp_path):
    """Streets are rendered and a network is trained in jobs, then the rows are made, as on one machine."""
    config = {
        "streets": {"labelled": 2, "unlabelled": 6, "seconds": 6, "width": 208, "height": 112},
        "checkpoints": "trained",
        "training": {"epochs": 1, "batch_size": 4},
        "models": ["flow", "rcgrad", "flowgrad-h", "yolo-topline"],
        "listening": False,
        "protocols": ["paper"],
        "clips_per_job": 4,
        "pictures": 1,
    }
    folder = tmp_path / "cluster"
    with slurm.run(folder, config, "--workflow-profile", PROFILE, "all") as process:
        run = slurm.finish(process, folder)
    assert_same_tables(run, workflow(config, folder=tmp_path / "local"))
    submitted = {job.what.split("_wildcards")[0] for job in slurm.jobs(folder)}
    assert submitted == {
        *("rule_render", "rule_samples", "rule_fit"),
        *("rule_decode", "rule_flow", "rule_heatmaps", "rule_arithmetic", "rule_detect"),
    }


def test_killed_jobs_and_a_dead_node(slurm, workflow, tmp_path):
    """One job cancelled, one out of time, one out of memory, one on a node that dies: each is done again."""
    root = moving_square(tmp_path / "data", "apple", "berry", "cherry")
    config = {"dataset": {"root": str(root)}, "models": ["flow"], "protocols": ["paper"]}
    config |= {"clips_per_job": 1, "pictures": 0}
    folder = tmp_path / "cluster"
    little = "flow:mem_mb=60 if attempt == 1 and wildcards.shard == '00001' else 1000"
    with slurm.run(folder, config, "--profile", PROFILE, "--set-resources", little, "--", "all") as process:
        decoding = slurm.frozen(folder, *(f"rule_decode_wildcards_0000{n}" for n in (1, 2, 3)))
        # of three jobs on two nodes one is alone
        lost, cancelled, late = sorted(decoding, key=lambda job: sum(other.node == job.node for other in decoding))
        slurm.kill_node(lost.node)
        slurm.call("scancel", cancelled.number)
        slurm.call("scontrol", "update", f"JobId={late.number}", "EndTime=now")
        eventually(lambda: slurm.state(lost) == "PENDING", "SLURM to take the lost job back")
        # it would let two minutes pass first
        slurm.call("scontrol", "update", f"JobId={lost.number}", "StartTime=now")
        run = slurm.finish(process, folder)
    slurm.mend_nodes()
    assert_same_tables(run, workflow(config, folder=tmp_path / "local"))

    states: dict[str, list[str]] = {}
    limits: dict[str, list[str]] = {}
    jobs = slurm.jobs(folder)
    for job in sorted(jobs, key=lambda job: int(job.number)):
        states.setdefault(job.what, []).append(job.state)
        limits.setdefault(job.what, []).append(job.limit)
    assert limits[cancelled.what] == ["30:00", "1:00:00"], "a second try is given more"
    assert limits[late.what][1:] == ["1:00:00"]
    assert states[cancelled.what] == ["CANCELLED", "COMPLETED"]
    assert states[late.what] == ["TIMEOUT", "COMPLETED"]
    assert states[lost.what] == ["COMPLETED"]
    assert next(job for job in jobs if job.number == lost.number).node != lost.node
    assert states["rule_flow_wildcards_farneback_magnitude_00001"][1:] == ["COMPLETED"]
    logs = (folder / "results/logs/slurm/rule_flow/farneback_magnitude_00001").glob("*.log")
    assert any("exceeded memory limit" in path.read_text() for path in logs)


def test_a_killed_run_starts_again(slurm, workflow, tmp_path):
    """What is done stays done. Its jobs work on without it: they are ended before any is submitted again; another
    folder's job is left alone.
    """
    root = moving_square(tmp_path / "data", "apple", "berry")
    config = {"dataset": {"root": str(root)}, "models": ["flow"], "protocols": ["paper"]}
    config |= {"clips_per_job": 1, "pictures": 0}
    folder, elsewhere = tmp_path / "cluster", tmp_path / "elsewhere"
    elsewhere.mkdir()
    stranger = ["sbatch", "--parsable", "--chdir", elsewhere, "--mem=10", "--job-name"]
    stranger += ["flowgrad_00000000-0000-0000-0000-000000000000", "--output=log", "--wrap", "sleep 600"]
    other = slurm.call(*stranger).strip()
    command = ["--profile", PROFILE, "all"]
    with slurm.run(folder, config, *command) as process:
        left = slurm.frozen(folder, "rule_decode_wildcards_00002")
        eventually((folder / "results/scores/00001.csv").exists, "the end of the other shard")
        process.kill()
        process.wait()
    done = {
        path: path.stat().st_mtime_ns for path in (folder / "results").rglob("00001.h5") if "frames" not in path.parts
    }
    assert {path.parent.name for path in done} == {"flow", "magnitude"}, "maps and flow"
    pids = [pid for job in left for pid in job.scripts()]
    assert len(pids) == len(left)
    with slurm.run(folder, config, "--unlock") as process:
        assert slurm.finish(process, folder).status == 0
    before = {job.number for job in slurm.jobs(folder)}
    with slurm.run(folder, config, *command) as process:
        eventually(lambda: {job.number for job in slurm.jobs(folder)} - before, "a job of the second run")
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids), "the first run's jobs are gone by then"
        run = slurm.finish(process, folder)
    assert "cancelling jobs that an earlier run left behind" in run.output
    assert_same_tables(run, workflow(config, folder=tmp_path / "local"))
    jobs = slurm.jobs(folder)
    for what in {job.what for job in jobs}:
        spans = sorted(job.span for job in jobs if job.what == what and job.start != "N/A")
        assert all(first[1] <= second[0] for first, second in pairwise(spans)), what
    assert {path: path.stat().st_mtime_ns for path in done} == done
    again = {job.what for job in jobs if job.number not in before}
    assert again, "the other shard's"
    assert not [what for what in again if what.endswith("00001")]
    (untouched,) = slurm.jobs(elsewhere)
    assert untouched.state == "RUNNING"
    slurm.call("scancel", other)


def test_a_second_run_in_the_folder_leaves_the_first_alone(slurm, tmp_path):
    """They make different files, so the engine lets both in; the second takes no job of the first for a leftover."""
    root = moving_square(tmp_path / "data", "apple", "berry")
    config = {"dataset": {"root": str(root)}, "models": ["flow"], "protocols": ["paper"]}
    config |= {"clips_per_job": 1, "pictures": 0}
    folder = tmp_path / "cluster"
    first, second = tuple(f"results/flow/farneback/magnitude/{shard}.h5" for shard in ("00001", "00002"))
    with slurm.run(folder, config, "--profile", PROFILE, first) as process:
        (job,) = slurm.frozen(folder, "rule_decode_wildcards_00001")
        with slurm.run(folder, config, "--profile", PROFILE, second) as beside:
            other = slurm.finish(beside, folder)
        assert other.status == 0, other.output
        assert "this folder is locked" in other.output
        assert slurm.state(job) == "RUNNING"
        for script in job.scripts():
            os.kill(script, signal.SIGCONT)
        run = slurm.finish(process, folder)
    assert run.status == 0, run.output
    assert all((folder / name).is_file() for name in (first, second))
