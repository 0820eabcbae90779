"""What the tables cost: time and memory of the stages summary and clips as the number of clips grows (docs/scale.md).

python benchmarks/aggregation.py [--clips 100 1000 10000] [--clips-per-job 32] [--folder FOLDER]

Scores are generated: seven models, two protocols, 80 frames a clip. (Every frame of a clip of 10 s: of the real
clips that are scored at all, nine frames are.) Boxes and sound events of a clip are as many as Urbansas has.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from flowgrad.models.registry import DEFAULT_MODELS
from flowgrad.schemas.scores import SCORES
from flowgrad.schemas.status import STATUS

PROTOCOLS = ("paper", "released")
FRAMES = 80
TIMES = (0, 2, 4, 6, 8)
SUMMARY = """
import sys
from pathlib import Path
from flowgrad.evaluation.consensus_iou import CIOU
from flowgrad.models.registry import DEFAULT_MODELS
from flowgrad.stages.tables import run_summary
folder = Path(sys.argv[1])
run_summary(plan_in=folder / "clips.csv", scores_in=sorted((folder / "scores").iterdir()),
            rows=[(model, protocol) for model in DEFAULT_MODELS for protocol in ("paper", "released")],
            metrics=[CIOU], reference="flow", differences_out=folder / "out/differences.csv",
            frames_out=folder / "out/frames.csv", summary_out=folder / "out/summary.csv")
"""
CLIPS = """
import sys
from pathlib import Path
from flowgrad.protocols import PAPER, RELEASED
from flowgrad.stages.tables import run_clips
folder = Path(sys.argv[1])
run_clips(plan_in=folder / "clips.csv", statuses_in=sorted((folder / "status").iterdir()),
          annotations_in=sorted((folder / "annotations").iterdir()),
          protocols=[PAPER.ground_truth, RELEASED.ground_truth], listens=True, out=folder / "out/clips.csv")
"""


def generate(folder: Path, clips: int, clips_per_job: int) -> None:
    rng = np.random.default_rng(0)
    names = [f"city{number % 97:04d}_{number:06d}" for number in range(clips)]
    for part in ("scores", "status", "annotations", "out"):
        (folder / part).mkdir(parents=True)
    plan = ["video,shard,reason,place"]
    for shard, start in enumerate(range(0, clips, clips_per_job), 1):
        members = sorted(names[start : start + clips_per_job])
        plan += [f"{name},{shard:05d},,{name[:8]}" for name in members]
        write_shard(folder, f"{shard:05d}", members, rng)
    (folder / "clips.csv").write_text("\n".join(plan) + "\n")


def write_shard(folder: Path, shard: str, members: list[str], rng: np.random.Generator) -> None:
    with (folder / f"scores/{shard}.csv").open("w") as file:
        file.write(",".join(SCORES) + "\n")
        for model in sorted(DEFAULT_MODELS):
            for protocol in PROTOCOLS:
                for name in members:
                    file.writelines(
                        f"{model},{protocol},{name},{frame},{frame / 8:.17g},ciou,{value:.17g},ok\n"
                        for frame, value in enumerate(rng.random(FRAMES))
                    )
    status = [f"{name},ok,,{FRAMES},400,225,10,,,0\n" for name in members]
    (folder / f"status/{shard}.csv").write_text(",".join(STATUS) + "\n" + "".join(status))
    box = {"x": 10, "y": 10, "w": 40, "h": 20, "label": "car", "visible": True}
    event = {"start": 0, "end": 9, "label": "car", "identifiable": True}
    known = {"boxes": [box | {"time": time} for time in TIMES for _ in range(9)], "events": [event, event]}
    (folder / f"annotations/{shard}.json").write_text(json.dumps(dict.fromkeys(members, known)))


def measure(code: str, folder: Path) -> str:
    """Run a stage in a process of its own; return seconds and its largest memory."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code, folder])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit("a stage failed")
    return f"{time.perf_counter() - start:6.1f} s {used.ru_maxrss / 1024:6.0f} MB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--clips-per-job", type=int, default=32)
    parser.add_argument("--folder", type=Path, help="where to put 2 GB for a while; default: that for temporary files")
    options = parser.parse_args()
    print(f"{'clips':>8s} {'rows':>12s}   {'summary':18s}   clips")
    for clips in options.clips:
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            folder = Path(name)
            generate(folder, clips, options.clips_per_job)
            rows = clips * FRAMES * len(DEFAULT_MODELS) * len(PROTOCOLS)
            print(f"{clips:8d} {rows:12d}   {measure(SUMMARY, folder)}   {measure(CLIPS, folder)}", flush=True)


if __name__ == "__main__":
    main()
