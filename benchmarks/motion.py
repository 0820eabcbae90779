"""What each choice of the rows flow and motion does to their figures, one at a time (docs/protocols.md).

    python benchmarks/motion.py WORK ROOT [--cores 2]

ROOT is a folder in Urbansas layout; the run is made in the working folder WORK, and goes on where it was. All changes
are made to protocol paper.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml

from flowgrad import paths

CHOICES: dict[str, dict[str, dict[str, object]]] = {
    "flow": {
        "as in paper": {},
        "mean of 0.25 s": {"flow_seconds": 0.25},
        "mean of 0.5 s": {"flow_seconds": 0.5},
        "mean of 1 s": {"flow_seconds": 1},
        "mean of 2 s": {"flow_seconds": 2},
        "mean of 5 s": {"flow_seconds": 5},
        "camera removed": {"flow_camera": "removed"},
        "95th percentile": {"flow_scale": "percentile"},
        "square root": {"flow_scale": "root"},
        "Gaussian of 4 px": {"flow_smoothing": 4},
        "Gaussian of 8 px": {"flow_smoothing": 8},
        "0.25 s, root, 4 px": {"flow_seconds": 0.25, "flow_scale": "root", "flow_smoothing": 4},
        "0.5 s, root, 4 px": {"flow_seconds": 0.5, "flow_scale": "root", "flow_smoothing": 4},
        "0.5 s, root, 4 px, camera removed": {
            "flow_seconds": 0.5, "flow_scale": "root", "flow_smoothing": 4, "flow_camera": "removed",
        },
    },
    "motion": {
        "as it is": {},
        "no Gaussian": {"motion_smoothing": 0},
        "Gaussian of 6 px": {"motion_smoothing": 6},
        "half at 8 levels": {"half_difference": 8},
        "half at 32 levels": {"half_difference": 32},
        "half at 0.05 px": {"half_flow": 0.05},
        "half at 1 px": {"half_flow": 1},
        "background alone": {"half_flow": 0.0001},
        "flow alone": {"half_difference": 0.0001},
    },
}  # fmt: skip
FIGURES = ["success_at_0_3", "success_at_0_5", "auc"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("--cores", default="2")
    options = parser.parse_args()
    for row, choices in CHOICES.items():
        named = {f"{row}{number}": change for number, change in enumerate(choices.values())}
        config = {
            "dataset": {"format": "urbansas", "root": str(options.root.resolve())},
            "models": [row],
            "protocols": list(named),
            "custom_protocols": {name: {"based_on": "paper", "change": change} for name, change in named.items()},
            "frames": "annotated",
            "pictures": 0,
        }
        options.work.mkdir(parents=True, exist_ok=True)
        (options.work / "motion.yaml").write_text(yaml.safe_dump(config))
        command = [sys.executable, "-m", "snakemake", "--snakefile", Path(__file__).parents[1] / "Snakefile"]
        command += ["--configfile", "motion.yaml", "--cores", options.cores, "--quiet", "all", "--", "all"]
        subprocess.run(command, cwd=options.work, check=True, stdout=subprocess.DEVNULL)
        summary = pd.read_csv(options.work / paths.SUMMARY).set_index("protocol")
        for name, choice in zip(named, choices, strict=True):
            figures = " / ".join(f"{summary.loc[name, figure]:.3f}" for figure in FIGURES)
            print(f"| `{row}` | {choice} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
