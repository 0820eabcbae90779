"""A whole run of seven rows under both protocols from nothing: ours, an earlier version, the naive script."""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import limits
import ours
import yaml

from flowgrad.costs import by_step, finished_jobs

REPOSITORY = Path(__file__).parents[2]
ROWS = ("flow", "rcgrad", "flowgrad-h", "flowgrad-ic", "flowgrad-en", "yolo-baseline", "yolo-topline")
ALONE: dict[str, Any] = {"pictures": 0, "page": False, "figures": False, "slices": "none", "listening": False}
"""What the naive script does not make either."""


@dataclass
class Taken:
    """What a command took: seconds by the clock, and of all its processes."""

    wall: float
    processor: float


def taken(command: list[str], cwd: Path, environment: dict[str, str] | None = None) -> Taken:
    """Run a command and return what it took; exits where it fails."""
    start = time.perf_counter()
    done: list[subprocess.CompletedProcess[str]] = []

    def run() -> None:
        known = os.environ | (environment or {})
        done.append(subprocess.run(command, cwd=cwd, env=known, capture_output=True, text=True, check=False))

    processor = limits.children(run)
    if done[0].returncode:
        sys.exit(f"{' '.join(command)}: exit status {done[0].returncode}\n{(done[0].stdout + done[0].stderr)[-4000:]}")
    return Taken(time.perf_counter() - start, processor)


def subset(source: Path, root: Path, count: int) -> list[Path]:
    """Link some of the clips of a folder in the layout of Urbansas, spread over those in which a vehicle is heard."""
    with (source / "annotations/audio_annotations.csv").open(newline="") as file:
        heard = {row["filename"] for row in csv.DictReader(file) if row["label"] not in ("-1", "offscreen")}
    every = [path for path in sorted((source / "clips").glob("*.mp4")) if path.stem in heard]
    chosen = [every[place * len(every) // count] for place in range(min(count, len(every)))]
    link(source, root, {path.stem: path for path in chosen})
    return chosen


def link(source: Path, root: Path, clips: dict[str, Path]) -> None:
    """Make a folder in the layout of Urbansas of these clips, by name; those of other names have no annotations."""
    (root / "clips").mkdir(parents=True)
    (root / "annotations").mkdir()
    for name, path in clips.items():
        (root / "clips" / f"{name}.mp4").symlink_to(path.resolve())
    for table in ("video_annotations.csv", "audio_annotations.csv"):
        with (source / "annotations" / table).open(newline="") as file:
            rows = list(csv.DictReader(file))
        with (root / "annotations" / table).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(row for row in rows if row["filename"] in clips)


def settings(root: Path, checkpoints: Path, detector: Path) -> dict[str, Any]:
    """Return the configuration of the seven rows."""
    return {
        "dataset": {"format": "urbansas", "root": str(root.resolve())},
        "models": list(ROWS),
        "protocols": ["paper", "released"],
        "checkpoints": {name: str(checkpoints.resolve() / f"{name}.pt") for name in ours.FLOWGRAD},
        "detector": {"weights": str(detector.resolve())},
        "frames": "all",
    } | ALONE


def snakemake(work: Path, config: dict[str, Any], cores: int, clone: Path = REPOSITORY, *more: str) -> Taken:
    """Run the workflow of a clone in a new folder, one job a core."""
    work.mkdir(parents=True)
    (work / "settings.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(clone / "Snakefile"), "--cores", str(cores)]
    path = {"PYTHONPATH": str(clone / "src")}
    if clone == REPOSITORY:
        path = {"PYTHONPATH": os.pathsep.join(filter(None, (str(clone / "src"), os.environ.get("PYTHONPATH"))))}
    return taken([*command, "--configfile", "settings.yaml", *more, "--", "all"], work, path)


def known(config: dict[str, Any], clone: Path) -> dict[str, Any]:
    """Return the keys of a configuration that an earlier version knows."""
    schema = json.loads((clone / "workflow/schemas/config.schema.json").read_text())
    return {key: value for key, value in config.items() if key in schema["properties"]}


@contextmanager
def folder_of(keep: Path | None) -> Iterator[Path]:
    """Give a folder that goes at the end, or the one to keep."""
    if keep is not None:
        keep.mkdir(parents=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def measure(options: argparse.Namespace) -> None:
    with folder_of(options.keep) as folder:
        root = folder / "dataset"
        clips = subset(options.dataset, root, options.clips)
        for name in ours.FLOWGRAD:
            ours.random_checkpoint(folder, name)
        config = settings(root, folder, options.weights)
        runs: dict[str, Taken] = {}
        print(f"{len(clips)} clips, {options.cores} cores, {os.getloadavg()[0]:.1f} processes at work before\n")
        print(f"{'run':28s} {'wall s':>8s} {'processor s':>12s} {'busy':>6s} {'of it jobs':>11s}")
        if not options.no_naive:
            script = [
                sys.executable,
                str(Path(__file__).with_name("naive.py")),
                *(str(clip.resolve()) for clip in clips),
            ]
            tables = ["--annotations", str((options.dataset / "annotations/video_annotations.csv").resolve())]
            runs["naive script"] = taken([*script, *tables, "--weights", str(options.weights.resolve())], folder)
            report("naive script", runs["naive script"], options.cores)
        for precision in options.precision:
            if options.before:
                work, old = folder / f"before-{precision}", known(config | {"precision": precision}, options.before)
                runs[f"before, {precision}"] = before = snakemake(work, old, options.cores, options.before)
                report(f"before, {precision}", before, options.cores, work)
            chosen = {"precision": precision, "engine": options.engine}
            work = folder / f"now-{precision}"
            runs[f"now, {precision}"] = snakemake(work, config | chosen, options.cores)
            report(f"now, {precision}", runs[f"now, {precision}"], options.cores, work)
        ratios(runs)
        if options.before:
            for precision in options.precision:
                tables = [folder / f"{when}-{precision}/results/metrics/frames.csv" for when in ("before", "now")]
                equal = tables[0].read_bytes() == tables[1].read_bytes()
                print(f"{precision}: metrics/frames.csv is {'the same' if equal else 'not the same'}")


def report(name: str, took: Taken, cores: int, work: Path | None = None) -> None:
    """Print what a run took, and of ours what its steps took."""
    text = f"{name:28s} {took.wall:8.1f} {took.processor:12.1f} {took.processor / took.wall / cores:6.0%}"
    jobs = finished_jobs(work / "results/logs") if work else []
    if jobs:
        text += f" {sum(job.processor_seconds for job in jobs) / took.wall / cores:11.0%}"
    print(text, flush=True)
    for step, some in by_step(jobs).items():
        seconds, memory = sum(job.processor_seconds for job in some), max(job.memory_mb for job in some)
        print(f"    {step:24s} {len(some):4d} jobs {seconds:9.1f} s {memory:6d} MB")


def ratios(runs: dict[str, Taken]) -> None:
    """Print each run against every one that is no newer."""
    print("\ntimes as fast, by the clock and by processor seconds")
    names = list(runs)
    for place, name in enumerate(names):
        for other in names[:place]:
            wall, processor = runs[other].wall / runs[name].wall, runs[other].processor / runs[name].processor
            print(f"{name} against {other}: {wall:.2f}, {processor:.2f}")
