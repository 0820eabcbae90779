"""Compare a results folder (protocol released) with the released code's figures: the table of docs/parity.md.

python benchmarks/parity.py RESULTS REFERENCE/urbansas_mini/reference
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

FIGURES = ["success_at_0_3", "success_at_0_5", "auc", "mean_ciou"]


def main(results: Path, reference: Path) -> None:
    ours, theirs = {}, {}
    for name in ("summary", "frames"):
        table = pd.read_csv(results / f"metrics/{name}.csv")
        ours[name] = table[table["protocol"] == "released"]
        theirs[name] = pd.read_csv(reference / f"released_{name}.csv")
        theirs[name]["model"] = theirs[name]["model"].str.lower().str.replace("_", "-")
    summary = ours["summary"].merge(theirs["summary"], on="model", suffixes=("", "_reference"))
    frames = ours["frames"].merge(theirs["frames"], on=["model", "video", "frame"])
    frames["difference"] = (frames["ciou"] - frames["iou"]).abs()
    print("row, frames, largest difference of a figure, median and largest difference of a frame")
    for _, row in summary.iterrows():
        gaps = {name: abs(row[name] - row[f"{name}_reference"]) for name in FIGURES}
        worst = max(gaps, key=lambda name: gaps[name])
        mine = frames[frames["model"] == row["model"]]
        far = mine.loc[mine["difference"].idxmax()]
        print(
            f"{row['model']}, {row['frames']} of {row['frames_reference']}, {gaps[worst]:.4f} ({worst}),"
            f" {mine['difference'].median():.0e}, {far['difference']:.0e} ({far['video']} {far['frame']})"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
