"""How much of the frame each row predicts, and how much of that is true: means over the scored frames of a run.

python benchmarks/area.py WORK [--protocol paper]

WORK is the working folder of a finished, labelled run.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from flowgrad import artifacts
from flowgrad.datasets.stored import read_annotations
from flowgrad.evaluation.scaling import normalise
from flowgrad.evaluation.truth import scored_items, truth_mask
from flowgrad.protocols import Protocol, get_protocol
from flowgrad.schemas.heatmaps import HEATMAPS


def shares(results: Path, maps: Path, protocol: Protocol) -> list[tuple[float, float, float]]:
    """Return (predicted, of that true, truth) of every scored frame of a shard, as shares of the frame."""
    known = read_annotations(results / f"plan/annotations/{maps.stem}.json")
    status = pd.read_csv(results / f"status/{maps.stem}.csv").set_index("video")
    found = []
    with artifacts.open_artifact(maps, HEATMAPS) as artifact:
        for clip in set(artifact.clips()) & set(known):
            width, height = (int(status.loc[clip, side]) for side in ("width", "height"))
            boxes = scored_items(known[clip], protocol.ground_truth, (width, height))
            values = artifact.read(clip, "maps").astype(np.float32)
            values = normalise(values) if protocol.threshold.normalise_maps else values
            for number, value in zip(artifact.read(clip, "frame").tolist(), values, strict=True):
                if number not in boxes:
                    continue
                truth = truth_mask(known[clip], boxes[number], (width, height), protocol.boxes.box_raster) > 0
                predicted = value >= 0.5
                found.append((predicted.mean(), (predicted & truth).sum() / max(predicted.sum(), 1), truth.mean()))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--protocol", default="paper")
    options = parser.parse_args()
    results, protocol = options.work / "results", get_protocol(options.protocol)
    rows = {}
    for folder in sorted((results / "heatmaps" / options.protocol).iterdir()):
        every = [row for maps in sorted(folder.glob("*.h5")) for row in shares(results, maps, protocol)]
        if every:
            rows[folder.name] = [len(every), *np.mean(every, axis=0).round(3)]
    print(pd.DataFrame.from_dict(rows, orient="index", columns=["frames", "predicted", "of that true", "truth"]))


if __name__ == "__main__":
    main()
