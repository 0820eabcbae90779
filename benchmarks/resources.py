"""What a finished run took: processor seconds a clip, memory a job, disk; from the logs of its jobs (docs/cluster.md).

python benchmarks/resources.py WORK [--clips 1000]

WORK is the working folder of a run on clips like yours, on one machine or a cluster. Processor seconds hold the start
of Python; the engine, which runs beside the job, is in neither figure.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from flowgrad.costs import by_step, disk, finished_jobs

SHARD = 32
"""Clips of a job in a run of a thousand."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--clips", type=int, default=1000, help="compute what so many clips take")
    options = parser.parse_args()
    results = options.work / "results"
    clips = int((pd.read_csv(results / "clips.csv")["frames"] > 0).sum())
    print(f"{clips} clips; hours are of one core, for {options.clips} clips\n")
    print(f"{'step':24s} {'jobs':>5s} {'s a clip':>9s} {'hours':>7s} {'most MB':>8s}")
    total = 0.0
    for step, jobs in by_step(finished_jobs(results / "logs")).items():
        a_clip = sum(job.processor_seconds for job in jobs) / clips
        total += a_clip
        most = max(job.memory_mb for job in jobs)
        print(f"{step:24s} {len(jobs):5d} {a_clip:9.2f} {a_clip * options.clips / 3600:7.2f} {most:8d}")
    print(f"{'all':24s} {'':5s} {total:9.2f} {total * options.clips / 3600:7.2f}\n")
    for folder, size in disk(results).items():
        print(f"{folder + '/':24s} {size / clips / 1e6:9.2f} MB a clip, {size / clips * options.clips / 1e9:7.1f} GB")
    if clips < SHARD:
        print(f"\nof fewer than {SHARD} clips: the start of jobs, once a shard or a run, counts too much")


if __name__ == "__main__":
    main()
