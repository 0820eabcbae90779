"""What share of a job is start-up: Python, libraries and weights, before the first clip's own work.

python benchmarks/startup.py WORK

WORK is the folder of a finished run; its logs are read. A job's start-up is the age of its process when its log
begins, and what its first clip took longer than the median of the others (weights and first use of the libraries).
Durations of clips are taken from the log, so clips of about one length are best. Jobs that had to decode anew, for
others, are left out: WORK is best a run from nothing.
"""

from __future__ import annotations

import argparse
import re
from datetime import datetime
from pathlib import Path
from statistics import median

import pandas as pd

LINE = re.compile(r"^(\S+ \S+),(\d{3}) INFO flowgrad\.(\S+): (.*)$")
AGE = re.compile(r"^(\w+) .*, started ([\d.]+) s ago$")
MAPS = re.compile(r"(?:heatmaps|arithmetic) .*'model': '([^']+)'")
WORK = re.compile(r"stages\.\w+|decoding")
"""What writes a line when it is done with a clip."""


def job_times(path: Path) -> dict[str, object] | None:
    """Return what one log says; None where its job did not end well, names no clips, or decoded for itself."""
    lines = [found.groups() for found in map(LINE.match, path.read_text().splitlines()) if found]
    began = next((AGE.match(words) for *_, words in lines if AGE.match(words)), None)
    stages = {name for _, _, name, _ in lines if WORK.fullmatch(name)}
    if began is None or not lines[-1][3].startswith("status=ok") or len(stages) != 1:
        return None
    stamps = [(datetime.fromisoformat(day).timestamp() + int(milli) / 1e3, name) for day, milli, name, _ in lines]
    first, last, age = stamps[0][0], stamps[-1][0], float(began[2])
    clips = [stamp for stamp, name in stamps if WORK.fullmatch(name)]
    each = [after - before for before, after in zip([first, *clips], clips, strict=False)]
    if len(each) < 3:
        return None
    model = MAPS.match(lines[0][3])
    start = age + max(0.0, each[0] - median(each[1:]))
    whole = age + last - first
    name = f"heatmaps, {model[1]}" if model else str(began[1])
    return {"rule": name, "clips": len(each), "job_s": whole, "start_s": start, "share": start / whole}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    options = parser.parse_args()
    found = [job_times(path) for path in sorted((options.work / "results/logs").rglob("*.log"))]
    jobs = pd.DataFrame([row for row in found if row])
    if jobs.empty:
        parser.error(f"{options.work}: no log of a finished job with clips under results/logs")
    # the largest jobs are those of the default size; the last shard holds what is left over
    full = jobs[jobs["clips"] == jobs.groupby("rule")["clips"].transform("max")]
    table = full.groupby("rule").agg(
        jobs=("share", "size"),
        clips=("clips", "max"),
        job_s=("job_s", "median"),
        start_s=("start_s", "median"),
        share=("share", "median"),
    )
    print(f"of all jobs together {jobs['start_s'].sum() / jobs['job_s'].sum():.3f}")
    print(table.sort_values("job_s").round({"job_s": 1, "start_s": 2, "share": 3}).to_string())


if __name__ == "__main__":
    main()
