"""What a run took: processor seconds and memory of its jobs, from their logs, and disk."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

DONE = re.compile(r"status=ok seconds=(\S+) processor_seconds=(\S+) memory_mb=(\d+)")


@dataclass(frozen=True)
class Job:
    """What one job took.

    Attributes:
        step: its rule, and of maps the model; protocols and shards are not told apart.
        seconds: from its start to its end.
        processor_seconds: of all its threads, the start of Python included.
        memory_mb: the most that it held.
    """

    step: str
    seconds: float
    processor_seconds: float
    memory_mb: int


def finished_jobs(logs: Path) -> list[Job]:
    """Read the last line of every job's log; one that was done again counts once, as it was last."""
    jobs = []
    for path in sorted(logs.rglob("*.log")):
        found = DONE.search(path.read_text(encoding="utf-8", errors="replace"))
        if found:
            parts = path.relative_to(logs).with_suffix("").parts
            step = f"{parts[0]} {parts[2]}" if parts[0] == "heatmaps" else parts[0]
            jobs.append(Job(step, float(found[1]), float(found[2]), int(found[3])))
    return jobs


def by_step(jobs: list[Job]) -> dict[str, list[Job]]:
    """Return jobs by their step, the one that took most processor time first."""
    steps: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        steps[job.step].append(job)
    return dict(sorted(steps.items(), key=lambda step: -sum(job.processor_seconds for job in step[1])))


def disk(results: Path) -> dict[str, int]:
    """Return the bytes on disk of every folder of a results folder that is no hidden one."""
    folders = sorted(path for path in results.iterdir() if path.is_dir() and not path.name.startswith("."))
    return {
        folder.name: sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
        for folder in folders
    }
