"""Do the networks learn from streets, and do they listen? (docs/training.md)

python benchmarks/learning.py OUT [--unlabelled 800] [--labelled 24] [--seeds 3] [--cores 2]
                              [--epochs 14] [--precision float32]

Streets are rendered, RCGrad and FlowGrad-EN are trained on the unlabelled ones from several seeds, and the labelled
ones are run with the networks untrained, as FlowGrad-EN starts (from RCGrad, its flow encoder a copy), and trained:
under their own sound, the mean of all sounds, and that of another clip. What was made is kept in OUT: the same command
goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

REPOSITORY = Path(__file__).parents[1]
STREETS: dict[str, Any] = {
    "seed": 11,
    "frames_per_second": 8,
    "traffic": 7.0,
    "speed": 0.8,
    "one_class": 1.0,
    "crowded": 1.0,
    "parked": 0.8,
    "silent_movers": 0.8,
    "idling": 0.1,
    "off_screen": 0.0,
    "other_sounds": 0.1,
    "wind": 0.2,
    "along": 0.0,
    "curved": 0.2,
    "shaky_camera": 0.1,
    "night": 0.1,
}
"""Busy streets with one class each that is heard, and beside it what is not: bicycles move, others are parked."""
WIDTH = 16
Precision = Literal["float32", "bfloat16"]
SHARD = 100
BRANCHES = ["flowgrad-en-picture", "flowgrad-en-flow"]
SHOWN = ["success at 0.3", "success at 0.5", "AUC", "mean cIoU"]


def one_thread() -> None:
    torch.set_num_threads(1)


def render(folder: Path, labelled: int, unlabelled: int, cores: int) -> None:
    from flowgrad.synthetic.dataset import write_dataset
    from flowgrad.synthetic.settings import StreetSettings

    if not (folder / "done").exists():
        write_dataset(folder, StreetSettings(**STREETS), labelled, unlabelled, cores)
        (folder / "done").touch()


def make_samples(root: Path, plan_folder: Path, shard: str) -> None:
    from flowgrad.flow.farneback import Farneback
    from flowgrad.models.base import SampleSpec
    from flowgrad.plan import Plan
    from flowgrad.stages import samples

    out = plan_folder / f"{shard}.h5"
    if not out.exists():
        samples.run(
            shard=Plan(plan_folder).shard_file(shard),
            root=root,
            spec=SampleSpec(),
            frames_per_second=2,
            name="farneback",
            estimator=Farneback(),
            samples_out=out,
            status_out=plan_folder / f"{shard}.csv",
        )


def train(
    method: str, seed: int, samples: list[Path], planned: list[str], epochs: int, precision: Precision, out: Path
) -> None:
    from flowgrad.models.registry import get_model
    from flowgrad.stages import fit
    from flowgrad.stages.samples import run_clips
    from flowgrad.training.loop import Schedule
    from flowgrad.training.objective import Start

    place = out / f"seed-{seed}" / method
    if (place / "loss.png").exists():
        return
    place.mkdir(parents=True, exist_ok=True)
    known = place / "known.json"
    known.write_text(json.dumps({"planned": {name: name for name in planned}, "labelled": []}))
    run_clips(
        statuses_in=[path.with_suffix(".csv") for path in samples],
        clips_in=known,
        out=place / "clips.csv",
    )
    declared, rcgrad = get_model(method), out / f"seed-{seed}/rcgrad/rcgrad.ckpt"
    assert declared.training is not None
    assert declared.weights is not None
    fit.run(
        identity={"seed": seed, "epochs": epochs},
        objective=declared.training.objective,
        layout=declared.weights.layout,
        samples_in=samples,
        clips_in=place / "clips.csv",
        start=Start("random", None, WIDTH) if method == "rcgrad" else Start("rcgrad", rcgrad, WIDTH),
        schedule=Schedule(
            seed=seed,
            held_out=0.1,
            batch_size=24,
            passes=1,
            together=1,
            epochs=epochs,
            learning_rate=1e-3,
            lr_patience=3,
            early_stopping_patience=8,
            augment=True,
            precision=precision,
            mosaics=0.5,
        ),
        device="cpu",
        threads=1,
        checkpoint_out=place / f"{method}.ckpt",
        log_out=place / "log.csv",
        curves_out=place / "loss.png",
    )


def untrained(method: str, seed: int, out: Path) -> Path:
    from flowgrad.models.rcgrad.encoders import build_encoders
    from flowgrad.training.checkpointing import save

    path = out / f"seed-{seed}" / f"untrained-{method}.ckpt"
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    save({"state_dict": build_encoders(method, WIDTH).state_dict()}, path)
    return path


def real_start(seed: int, samples: list[Path], out: Path) -> Path:
    """Return FlowGrad-EN as its training starts: the control of what that training adds."""
    from flowgrad.models.rcgrad.objective import FlowGradEN
    from flowgrad.training.checkpointing import save
    from flowgrad.training.data import Batches, EpochBatches
    from flowgrad.training.learner import samples_of
    from flowgrad.training.objective import Start
    from flowgrad.training.samples import SampleSet
    from flowgrad.training.statistics import measure

    path, found = out / f"seed-{seed}" / "start-flowgrad-en.ckpt", SampleSet(samples)
    objective = FlowGradEN.started(Start("rcgrad", out / f"seed-{seed}/rcgrad/rcgrad.ckpt", WIDTH))
    keys = list(EpochBatches(found, found.clips, 24, 1, 1, seed))[:16]
    shown = [samples_of(Batches(found)[some]) for some in keys]
    objective.measure(shown)
    measure(objective, objective.new_branches(), shown, objective.embeddings)
    save({"state_dict": objective.state_dict()}, path)
    return path


def figures(seed: int, out: Path, samples: list[Path], clips: int) -> list[dict[str, Any]]:
    """Return what the networks of a seed come to on unseen streets: a row a network, kind of map and sound."""
    from networks import Unseen, apart, heard_as

    from flowgrad.models.rcgrad.cam import joined
    from flowgrad.models.rcgrad.presets import RCGrad

    unseen = Unseen(out / "streets/labelled", clips)
    done = {name: out / f"seed-{seed}/{name}/{name}.ckpt" for name in ("rcgrad", "flowgrad-en")}
    files = {("rcgrad", "untrained"): untrained("rcgrad", seed, out), ("rcgrad", "trained"): done["rcgrad"]}
    for row in ("flowgrad-en", *BRANCHES):
        files[row, "untrained"] = untrained("flowgrad-en", seed, out)
        files[row, "start"] = real_start(seed, samples, out)
        files[row, "trained"] = done["flowgrad-en"]
    found = []
    for (row, networks), file in files.items():
        seen, own, mean = apart(row, file, unseen)
        for cam, sound in product(("raw", "difference"), ("own", "mean", "foreign")):
            # only a training knows the mean of the sounds
            if networks != "trained" and (cam, sound) != ("raw", "own"):
                continue
            heard = heard_as(sound, own)
            given = np.concatenate((heard, mean), axis=1) if cam == "difference" else heard
            scores = unseen.figures(joined(seen, given, RCGrad(cam=cam)))  # type: ignore[arg-type]
            found.append({"row": row, "networks": networks, "map": cam, "sound": sound, "seed": seed} | scores)
    print(f"seed {seed}: {len(unseen.truth)} scored frames", flush=True)
    return found


def trainings(
    pool: ProcessPoolExecutor,
    samples: list[Path],
    planned: list[str],
    seeds: range,
    epochs: int,
    precision: Precision,
    out: Path,
) -> None:
    """Train every seed; what starts from another waits for it, and no core waits."""

    def submit(method: str, seed: int) -> Future[None]:
        return pool.submit(train, method, seed, samples, planned, epochs, precision, out)

    first = {seed: submit("rcgrad", seed) for seed in seeds}
    second = []
    for seed, future in first.items():
        future.result()
        second.append(submit("flowgrad-en", seed))
    for later in second:
        later.result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--unlabelled", type=int, default=800)
    parser.add_argument("--labelled", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    out, seeds = options.out.resolve(), range(1, options.seeds + 1)
    began = time.perf_counter()

    def timed(what: str, call: Callable[[], object]) -> None:
        start = time.perf_counter()
        call()
        print(f"{what}: {time.perf_counter() - start:.0f} s", flush=True)

    from flowgrad.datasets.registry import open_dataset
    from flowgrad.plan import Plan

    streets = out / "streets"
    timed("streets", lambda: render(streets, options.labelled, options.unlabelled, options.cores))
    plan = Plan(out / "samples")
    plan.update(open_dataset("videos", streets / "unlabelled"), SHARD)
    with ProcessPoolExecutor(options.cores, initializer=one_thread) as pool:
        made = [pool.submit(make_samples, streets / "unlabelled", out / "samples", shard) for shard in plan.shards()]
        timed("samples", lambda: [future.result() for future in made])
        samples = [out / "samples" / f"{shard}.h5" for shard in plan.shards()]
        planned = sorted(plan.present())
        timed("training", lambda: trainings(pool, samples, planned, seeds, options.epochs, options.precision, out))

        tables = time.perf_counter()
        made_of = [pool.submit(figures, seed, out, samples, options.labelled) for seed in seeds]
        every = pd.DataFrame([row for future in made_of for row in future.result()])
    print(f"tables: {time.perf_counter() - tables:.0f} s, in all {time.perf_counter() - began:.0f} s", flush=True)
    for seed, name in product(seeds, ("rcgrad", "flowgrad-en")):
        log = pd.read_csv(out / f"seed-{seed}/{name}/log.csv")
        best = log.loc[log["held_out_loss"].idxmin()]
        print(
            f"seed {seed}, {name}: held-out loss {best['held_out_loss']:.3f} in epoch {best['epoch']:.0f}"
            f" of {len(log)}, chance {best['held_out_chance']:.3f}"
        )
    every.to_csv(out / "every.csv", index=False, float_format="%.6g")
    groups = every.groupby(["row", "networks", "map", "sound"], sort=False)
    print(groups[SHOWN].agg(["mean", "std"]).round(3).to_string())
    by = ["row", "networks", "map", "sound"]
    for figure in ("success at 0.5", "AUC"):
        found = every.pivot_table(index=by, columns="seed", values=figure, sort=False)
        print(f"{figure}\n{found.round(3).to_string()}")


if __name__ == "__main__":
    main()
