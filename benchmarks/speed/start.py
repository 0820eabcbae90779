"""Seconds by the clock until commands answer, and until a network's job has its first map."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import ours
import whole
import yaml

FIRST_MAP = """\
import sys, time
import numpy as np
import flowgrad
from pathlib import Path
from flowgrad.stages import heatmaps
import flowgrad.workflow.work
model = flowgrad.load_model("rcgrad", Path(sys.argv[1]), device="cpu")
model(np.zeros((16, 225, 400, 3), np.uint8), np.zeros((16, 80000), np.float32), 16000)
"""


def measure(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole.subset(options.dataset, folder / "dataset", 3)
        for model in ours.FLOWGRAD:
            ours.random_checkpoint(folder, model)
        config = whole.settings(folder / "dataset", folder, options.weights)
        (folder / "settings.yaml").write_text(yaml.safe_dump(config))
        snakefile = [
            "--snakefile",
            str(whole.REPOSITORY / "Snakefile"),
            "--configfile",
            "settings.yaml",
            "--cores",
            "2",
        ]
        commands = {
            "flowgrad --help (0.3)": ["-m", "flowgrad.cli", "--help"],
            "flowgrad check (1.5)": ["-m", "flowgrad.cli", "check", "-c", "settings.yaml"],
            "snakemake -n (3)": ["-m", "snakemake", "-n", "--quiet", *snakefile, "--", "all"],
            "first 16 maps of rcgrad (3)": ["-c", FIRST_MAP, "rcgrad.pt"],
        }
        print(f"{'command (target, s)':32s} {'least s':>8s} {'processor s':>12s}  all, s")
        for what, command in commands.items():
            took = [whole.taken([sys.executable, *command], folder) for _ in range(options.repeats)]
            walls = [one.wall for one in took]
            processor = min(one.processor for one in took)
            every = " ".join(f"{one:.2f}" for one in walls)
            print(f"{what:32s} {min(walls):8.2f} {processor:12.2f}  {every}", flush=True)
