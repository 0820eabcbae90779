"""A model of one's own: one module and one registry line, as docs/models.md says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml
from conftest import REPOSITORY, Finished, network_settings

OWN_MODEL = """
import numpy as np


class Centre:
    def __init__(self, checkpoint, protocol, device, precision, batch_size):
        self.level = float(np.load(checkpoint)["level"]) if str(checkpoint).endswith(".npz") else 1.0

    def __call__(self, frames, audio, sample_rate, flow):
        assert frames.shape[1:] == (224, 224, 3) and audio.shape[1] == 5 * sample_rate and flow.shape[1:] == (224, 224)
        y, x = np.mgrid[-1:1:224j, -1:1:224j]
        return np.broadcast_to(self.level * np.exp(-4 * (x**2 + y**2)), (len(frames), 224, 224)).astype(np.float32)
"""


def test_a_model_of_ones_own(dataset, checkpoints, tmp_path):
    """One module and one registry line, as docs/models.md says, in a copy of the repository."""
    clone = tmp_path / "clone"
    ignored = shutil.ignore_patterns(".git", ".venv", ".snakemake", "results", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(REPOSITORY, clone, ignore=ignored)
    (clone / "src/my_models.py").write_text(OWN_MODEL)
    registry = clone / "src/flowgrad/models/registry.py"
    line = 'ModelSpec("centre", "network", sound=True, flow=True, checkpoint="centre", file="centre.pt",'
    line += ' code="my_models:Centre"),\n    '
    text = registry.read_text()
    registry.write_text(text.replace('ModelSpec("yolo-baseline"', line + 'ModelSpec("yolo-baseline"', 1))
    root = dataset("lyon1029_40200")
    config = network_settings(root, checkpoints)
    folder = tmp_path / "work"
    folder.mkdir()

    def run(snakefile: Path) -> str:
        (folder / "c.yaml").write_text(yaml.safe_dump(config))
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            snakefile,
            "--configfile",
            "c.yaml",
            "--cores",
            "2",
        ]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    run(REPOSITORY / "Snakefile")
    config["models"] = [*config["models"], "centre"]
    config["checkpoints"] = config["checkpoints"] | {"centre": str(checkpoints / "flowgrad_IC.ckpt")}
    output = run(clone / "Snakefile")
    assert Finished(0, output, folder).jobs == {"heatmaps": 1, "release": 1, "score": 1, "summary": 1}
    summary = pd.read_csv(folder / "results/metrics/summary.csv").set_index("model")
    assert summary.loc["centre", "frames"] == summary.loc["rcgrad", "frames"]
    assert summary.loc["centre", "mean_ciou"] > 0
