"""How time and memory grow with clips, with their length, and with cores. The row is one without a network: flow.

Networks add the same to every clip of one length; the two longest clips would take them hours.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from heapq import heapify, heapreplace
from pathlib import Path
from typing import Any

import whole

from flowgrad.costs import Job, finished_jobs

MANY = 16
LEVELS = ("decode", "flow", "background", "arithmetic", "score")
"""Steps that wait for the one before, shard by shard; all others come at the end."""
HEAD = f"{'':24s} {'cores':>5s} {'wall s':>8s} {'processor s':>12s} {'a clip':>8s} {'busy':>6s} {'largest job':>12s}"


def measure(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"row flow, protocol paper; {os.getloadavg()[0]:.1f} processes at work before\n\n{HEAD}")
        for cores in options.cores:
            for count in options.clips:
                jobs = grown(folder / f"{count}-clips-{cores}", options.dataset, count, cores)
                if cores == 1:
                    alone, many = packed(jobs, 1), packed(jobs, MANY)
                    print(f"    its jobs on {MANY} cores, computed: {many:.1f} s, on one {alone:.1f} s")
        for seconds in options.seconds:
            lengthened(folder / f"{seconds}-seconds", options.dataset, seconds)


def grown(folder: Path, dataset: Path, count: int, cores: int) -> list[Job]:
    """Run so many clips."""
    every = sorted((dataset / "clips").glob("*.mp4"))
    clips = {f"clip{number:04d}": every[number % len(every)] for number in range(count)}
    return run(folder, clips, dataset, cores, f"{count} clips", count)


def lengthened(folder: Path, dataset: Path, seconds: int) -> None:
    """Run one clip of this length: another one over and over."""
    import imageio_ffmpeg

    source = min((dataset / "clips").glob("*.mp4"))
    folder.mkdir()
    long = folder / "long.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-stream_loop", "-1", "-i", str(source)]
    subprocess.run([*command, "-t", str(seconds), "-c", "copy", str(long)], check=True)
    run(folder / "run", {"long": long}, dataset, 1, f"one clip of {seconds} s", seconds / 10)


def run(folder: Path, clips: dict[str, Path], dataset: Path, cores: int, what: str, parts: float) -> list[Job]:
    """Run clips and print what it took; ``a clip`` is per 10 s of it."""
    whole.link(dataset, folder / "dataset", clips)
    config: dict[str, Any] = {"dataset": {"format": "videos", "root": str(folder / "dataset/clips")}}
    config |= {"models": ["flow"], "protocols": ["paper"]} | whole.ALONE
    took = whole.snakemake(folder / "work", config, cores)
    jobs = finished_jobs(folder / "work/results/logs")
    memory = max(job.memory_mb for job in jobs)
    busy = took.processor / took.wall / cores
    print(
        f"{what:24s} {cores:5d} {took.wall:8.1f} {took.processor:12.1f} {took.processor / parts:8.2f} {busy:6.0%}"
        f" {memory:9d} MB",
        flush=True,
    )
    return jobs


def packed(jobs: list[Job], cores: int) -> float:
    """Return how long jobs take on so many cores, the longest of a level first, one level after the other."""
    total = 0.0
    for level in (*LEVELS, None):
        some = [job.processor_seconds for job in jobs if (job.step if job.step in LEVELS else None) == level]
        ends = [0.0] * cores
        heapify(ends)
        for seconds in sorted(some, reverse=True):
            heapreplace(ends, ends[0] + seconds)
        total += max(ends)
    return total
