"""What less precise arithmetic does to the table: success at 0.5 and mean cIoU in float32, bfloat16 and int8.

python benchmarks/precision.py URBANSAS OUT [--weights FOLDER] [--precisions float32 bfloat16 int8] [--cores 1]

Runs a data set once a precision in OUT; only maps and scores are made again. Without --weights the networks are those
that come with flowgrad. The last lines say how far the others are from the first at most.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml

ROWS = ["flow", "rcgrad", "flowgrad-h", "flowgrad-ic", "flowgrad-en"]
FIGURES = ["success_at_0_5", "mean_ciou"]


def figures(out: Path, precision: str, dataset: Path, weights: Path | None, cores: int) -> pd.DataFrame:
    """Return the figures by protocol and row."""
    settings = {
        "dataset": {"format": "urbansas", "root": str(dataset)},
        "models": ROWS,
        "precision": precision,
        "frames": "annotated",
        "clips_per_job": 32,
        **{name: False for name in ("figures", "page")},
        "pictures": 0,
        "slices": "none",
    }
    if weights is None:
        settings["checkpoints"] = "shipped"
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"{precision}.yaml"
    file.write_text(yaml.safe_dump(settings))
    environment = os.environ | ({"FLOWGRAD_WEIGHTS": str(weights)} if weights else {})
    command = [sys.executable, "-m", "flowgrad.cli", "run", str(file), "--directory", str(out), "--cores", str(cores)]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return pd.read_csv(out / "results/metrics/summary.csv").set_index(["protocol", "model"])[FIGURES]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="in Urbansas layout")
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path, help="folder of checkpoints")
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16", "int8"])
    parser.add_argument("--cores", type=int, default=1)
    options = parser.parse_args()
    dataset, weights = options.dataset.absolute(), options.weights and options.weights.absolute()
    found = {
        precision: figures(options.out.absolute(), precision, dataset, weights, options.cores)
        for precision in options.precisions
    }
    first = options.precisions[0]
    for figure in FIGURES:
        table = pd.DataFrame({precision: some[figure] for precision, some in found.items()})
        print(f"{figure}\n{table.round(4).to_string()}")
        for precision in options.precisions[1:]:
            apart = (table[precision] - table[first]).abs()
            print(f"{precision}: at most {apart.max():.4f} from {first} ({', '.join(apart.idxmax())})\n")


if __name__ == "__main__":
    main()
