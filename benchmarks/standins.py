"""Run the systems of the seeds on real clips with stand-ins for their checkpoints: the second table of docs/systems.md.

python benchmarks/standins.py REFERENCE OUT

REFERENCE is the reference material of docs/testing.md. Its script writes a seeded, untrained checkpoint for each system
but the original Coarse to Fine; for that one such a file is made here.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import torch
import yaml

from flowgrad.models.coarse_to_fine.original_layout import Sizes
from flowgrad.models.coarse_to_fine.original_network import OriginalNetwork

REPOSITORY = Path(__file__).parents[1]
FILES = {
    "hear-the-flow": "htf_flickr.pth",
    "visual-context": "vcs.pth",
    "coarse-to-fine": "c2f_stage_2.pth",
    "coarse-to-fine-original": "c2f_original.pth",
}
COLUMNS = ["frames", "success_at_0_3", "success_at_0_5", "auc", "mean_ciou", "pointing_game"]


def main(reference: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, reference / "golden/checkpoints.py", out], check=True, stdout=subprocess.DEVNULL)
    torch.manual_seed(0)
    torch.save({"state_dict": OriginalNetwork(Sizes()).state_dict()}, out / FILES["coarse-to-fine-original"])
    config = {
        "dataset": {"format": "urbansas", "root": str((reference / "urbansas_mini").resolve())},
        "models": ["centre-box", *FILES],
        "checkpoints": {name: str((out / file).resolve()) for name, file in FILES.items()},
        "protocols": ["paper", "released"],
        "frames": "annotated",
        "metrics": ["ciou", "pointing_game"],
    }
    (out / "config.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile", "--directory", out]
    subprocess.run([*command, "--configfile", out / "config.yaml", "--cores", "2", "--", "all"], check=True)
    table = pd.read_csv(out / "results/metrics/summary.csv").set_index(["model", "protocol"])
    for name in config["models"]:
        for place, protocol in enumerate(config["protocols"]):
            row = table.loc[(name, protocol)]
            figures = " | ".join(f"{row[column]:.3f}" for column in COLUMNS[1:])
            print(f"| {'' if place else f'`{name}`'} | {protocol} | {row['frames']:.0f} | {figures} |")
    told = pd.read_csv(out / "results/metrics/sources.csv")
    print(told[["model", "protocol", "which", "items", "mean_parts", "frame_wise_auc", "source_wise_auc"]].to_string())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
