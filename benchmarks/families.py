"""Do the other systems train, and do their maps change with the sound? (docs/training.md)

python benchmarks/families.py OUT [--streets 160] [--epochs 60] [--batch-size 24] [--cores 2]

Hear The Flow, visual context and Coarse to Fine (both versions) are trained from rendered streets by the workflow, from
nothing, at a quarter of their width. The tagger that Coarse to Fine learns from is the generator, which knows what
drives where. Then each makes maps of streets that are held out, under their own sound and under that of another street.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

REPOSITORY = Path(__file__).parents[1]
STREETS: dict[str, Any] = {
    "labelled": 2,
    "seconds": 8,
    "frames_per_second": 8,
    "traffic": 7.0,
    "one_class": 1.0,
    "crowded": 1.0,
    "along": 0.0,
    "curved": 0.2,
    "off_screen": 0.0,
    "other_sounds": 0.1,
    "wind": 0.2,
}
FAMILIES = ["hear-the-flow", "visual-context", "coarse-to-fine", "coarse-to-fine-original"]
CLASSES = 7
"""Of Coarse to Fine; streets fill the first four."""


def write_labels(path: Path, streets: dict[str, Any], names: list[str]) -> None:
    """Write which classes are heard and seen in each street."""
    from flowgrad.synthetic.annotate import sound_events, tracked_boxes
    from flowgrad.synthetic.scene import make_scene
    from flowgrad.synthetic.settings import StreetSettings
    from flowgrad.synthetic.shapes import CLASSES as KNOWN

    settings = StreetSettings(**{key: value for key, value in streets.items() if key not in ("labelled", "unlabelled")})
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["clip", "kind", *KNOWN, *(f"none_{number}" for number in range(len(KNOWN), CLASSES))])
        for name in names:
            scene = make_scene(settings, name)
            heard = {event.label for event in sound_events(scene)}
            seen = {box.label for _, box in tracked_boxes(scene)}
            for kind, labels in (("audio", heard), ("frame", seen)):
                table.writerow([name, kind, *(int(label in labels) for label in KNOWN), *[0] * (CLASSES - len(KNOWN))])


def distance(method: str, results: Path, clips: list[str]) -> tuple[float, float]:
    """Return the mean distance between maps (each 0..1) under own and foreign sound, and between maps of two frames."""
    from flowgrad import load_model
    from flowgrad.evaluation.scaling import normalise
    from flowgrad.flow.prepared import per_second
    from flowgrad.models.registry import get_model
    from flowgrad.protocols import PAPER
    from flowgrad.training.samples import SampleSet

    training = get_model(method).training
    assert training is not None
    samples = SampleSet(sorted((results / "training/samples" / training.sample.name).glob("*.h5")), clips)
    found = [samples.read(clip, samples.length(clip) // 2) for clip in samples.clips]
    model = load_model(method, results / f"training/{method}/{method}.ckpt", device="cpu")
    frames = np.stack([one.frame for one in found])
    needed = get_model(method).needs(PAPER).flow
    flow = None if needed is None else np.stack([one.flow for one in found if one.flow is not None])
    if flow is not None and needed is not None and needed.per_second:
        flow = per_second(flow)
    heard = np.stack([one.audio for one in found])
    rate = training.sample.sample_rate
    own = normalise(model(frames, heard, rate, flow))
    foreign = normalise(model(frames, np.roll(heard, 1, axis=0), rate, flow))
    return float(np.abs(own - foreign).mean()), float(np.abs(own - np.roll(own, 1, axis=0)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--streets", type=int, default=160)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=24)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--models", nargs="+", default=FAMILIES)
    options = parser.parse_args()
    from flowgrad.synthetic.dataset import clip_names
    from flowgrad.training.samples import split
    from flowgrad.workflow.training import declared

    out, names = options.out.resolve(), clip_names("unlabelled", options.streets)
    out.mkdir(parents=True, exist_ok=True)
    streets = STREETS | {"unlabelled": options.streets}
    write_labels(out / "labels.csv", streets, names)
    coarse = [declared(name).init for name in options.models if declared(name).second]
    methods = [*coarse, *options.models]
    config = {
        "dataset": {"format": "streets"},
        "streets": streets,
        "models": options.models,
        "protocols": ["paper"],
        "checkpoints": dict.fromkeys(options.models, "trained"),
        "training": {
            "methods": methods,
            "init": {method: "random" for method in methods if not declared(method).second},
            "labels": "labels.csv",
            "width": 16,
            # published recipes are for ten thousand videos and tens of epochs
            "optimizer": "adam",
            "learning_rate": 1e-3,
            "weight_decay": 0.0,
            "batch_size": options.batch_size,
            "epochs": options.epochs,
            "early_stopping_patience": options.epochs,
            "augment": True,
            "threads": 1,
            "seed": 1,
        },
    }
    (out / "config.yaml").write_text(yaml.safe_dump(config))
    command: list[str | Path] = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile"]
    command += ["--directory", out, "--configfile", out / "config.yaml", "--cores", str(options.cores), "--", "train"]
    subprocess.run(command, check=True)
    _, aside = split(names, 0.1, 1)
    for method in methods:
        log = pd.read_csv(out / f"results/training/{method}/log.csv")
        steps = len(log) * ((options.streets - len(aside)) // options.batch_size)
        first, last, best = log.iloc[0], log.iloc[-1], log.loc[log["held_out_loss"].idxmin()]
        # the coarse stage makes no maps
        sound, place = (float("nan"),) * 2 if method in coarse else distance(method, out / "results", aside)
        print(
            f"{method}: {steps} steps, loss {first['train_loss']:.3f} to {last['train_loss']:.3f}, held out"
            f" {first['held_out_loss']:.3f} to {best['held_out_loss']:.3f} (chance {best['held_out_chance']:.3f});"
            f" own and foreign sound differ by {sound:.4f}, two frames by {place:.4f}"
        )


if __name__ == "__main__":
    main()
