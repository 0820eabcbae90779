"""The small networks that come with flowgrad: how they are made, and what they are worth on other streets.

python benchmarks/networks.py OUT [--networks rcgrad ...] [--settings FILE] [--cores 1] [--best-so-far]

The settings say which streets and how. Everything that was made is kept in OUT: the same command goes on where it
stopped, within a training too. At the end OUT/packed holds the files, and a table says how they score on streets that
they have not seen, beside the controls. With --best-so-far nothing is trained: the best epoch of a training that still
runs is packed and scored.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
import yaml

import flowgrad
from flowgrad.code import implementation
from flowgrad.config import Config, parse
from flowgrad.constants import FRAMES_PER_SECOND, MAP_SIZE
from flowgrad.datasets.registry import open_dataset
from flowgrad.evaluation.ground_truth import rasterise, scored_boxes
from flowgrad.evaluation.listening import mean_sound
from flowgrad.evaluation.metrics import area_under_curve, success_rate
from flowgrad.flow.farneback import Farneback
from flowgrad.flow.magnitude import length, map_magnitude
from flowgrad.models.base import Batch, SampleSpec
from flowgrad.models.checkpoint_file import check_layout
from flowgrad.models.checkpoints import load_state
from flowgrad.models.controls import centre_box, whole_frame
from flowgrad.models.rcgrad.cam import Cam, joined
from flowgrad.models.rcgrad.encoders import build_encoders
from flowgrad.models.rcgrad.presets import RCGrad as RCGradSettings
from flowgrad.models.registry import get_model
from flowgrad.models.window import SAMPLE_RATE, SECONDS
from flowgrad.plan import Plan
from flowgrad.protocols import BUILT_IN
from flowgrad.resizing import resized
from flowgrad.stages import fit, samples
from flowgrad.synthetic.dataset import write_dataset
from flowgrad.training.checkpointing import save
from flowgrad.training.loop import concluded
from flowgrad.training.objective import Start
from flowgrad.training.packing import pack
from flowgrad.training.samples import SampleSet
from flowgrad.weights import SHIPPED
from flowgrad.workflow.training import schedule_of

SETTINGS = SHIPPED / "streets-networks.yaml"
SHARD = 100
AT_ONCE = 32
Array = npt.NDArray[Any]


def one_thread() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def settings(path: Path) -> Config:
    """Return the demo's configuration with that of the networks laid over it."""
    return parse(yaml.safe_load(path.read_text()))


def render(config: Config, out: Path, cores: int) -> None:
    if not (out / "streets/done").exists():
        streets = config.streets
        write_dataset(out / "streets", streets.settings(), streets.labelled, streets.unlabelled, cores)
        (out / "streets/done").touch()


def make_samples(root: Path, plan_folder: Path, shard: str, frames_per_second: int) -> Path:
    out = plan_folder / f"{shard}.h5"
    if not out.exists():
        samples.run(
            shard=Plan(plan_folder).shard_file(shard),
            root=root,
            spec=SampleSpec(),
            frames_per_second=frames_per_second,
            name="farneback",
            estimator=Farneback(),
            samples_out=out,
            status_out=out.with_suffix(".csv"),
        )
    return out


def trained(method: str, out: Path) -> Path:
    return out / "networks" / method / f"{method}.ckpt"


def train(method: str, config: Config, samples_in: list[Path], out: Path) -> None:
    checkpoint = trained(method, out)
    place, training, declared = checkpoint.parent, config.training, get_model(method)
    if (place / "loss.png").exists():
        return
    place.mkdir(parents=True, exist_ok=True)
    planned = {name: name for name in sorted(Plan(out / "samples").present())}
    (place / "known.json").write_text(json.dumps({"planned": planned, "labelled": []}))
    samples.run_clips(
        statuses_in=[path.with_suffix(".csv") for path in samples_in],
        clips_in=place / "known.json",
        out=place / "clips.csv",
    )
    assert declared.training is not None
    assert declared.weights is not None
    first = method == "rcgrad"
    start = Start("random" if first else "rcgrad", None if first else trained("rcgrad", out), training.width)
    fit.run(
        identity=training.model_dump(mode="json") | asdict(training.recipe_of(method)),
        objective=declared.training.objective,
        layout=declared.weights.layout,
        samples_in=samples_in,
        clips_in=place / "clips.csv",
        start=Start(start.kind, start.file, start.width, training.compare, training.preset),
        schedule=schedule_of(training, method),
        device="cpu",
        threads=1,
        checkpoint_out=checkpoint,
        log_out=place / "log.csv",
        curves_out=place / "loss.png",
    )


def best_so_far(method: str, config: Config, out: Path) -> Path | None:
    """Return the checkpoint of a training that has ended, or the best epoch of one that has not."""
    done = trained(method, out)
    running = sorted(done.parent.glob("state/*/best.ckpt"), key=lambda path: path.stat().st_mtime)
    if (done.parent / "loss.png").exists() or not running:
        return done if done.exists() else None
    declared = get_model(method).training
    assert declared is not None
    epoch = torch.load(running[-1], map_location="cpu", weights_only=True)
    learnt = implementation("training", declared.objective)(
        Start("random", None, config.training.width, preset=config.training.preset)
    )
    learnt_from = SampleSet(sorted((out / "samples").glob("*.h5")))
    state = concluded(learnt, epoch["state_dict"], learnt_from, schedule_of(config.training, method))
    save(learnt.content(state, epoch["epoch"] + 1), done.with_suffix(".so-far"))
    print(f"{method}: epoch {epoch['epoch'] + 1}", flush=True)
    return done.with_suffix(".so-far")


# What it is worth


class Unseen:
    """Scored frames of labelled streets: what models see of them, and the truth."""

    def __init__(self, root: Path, clips: int | None = None):
        dataset = open_dataset("urbansas", root)
        notes = dataset.annotations()
        frames, audio, flow, truth, sizes = [], [], [], [], []
        farneback = Farneback()
        for clip in dataset.clips()[:clips]:
            assert clip.video is not None
            read = flowgrad.read_clip(root / clip.video, sample_rate=SAMPLE_RATE)
            count, height, width, _ = read.frames.shape
            padded = np.pad(read.audio, round(SECONDS * SAMPLE_RATE))
            for number, boxes in scored_boxes(notes[clip.name], size=(width, height)).items():
                if number + 1 >= count:
                    continue
                frames.append(read.frames[number])
                vectors = farneback.flow(farneback.prepared(frames[-1]), farneback.prepared(read.frames[number + 1]))
                flow.append(map_magnitude(length(vectors)))
                start = round((number / FRAMES_PER_SECOND + SECONDS / 2) * SAMPLE_RATE)
                audio.append(padded[start : start + round(SECONDS * SAMPLE_RATE)])
                truth.append(rasterise([box.xywh for box in boxes], width, height))
                sizes.append((width, height))
        self.frames, self.audio, self.flow = np.stack(frames), np.stack(audio), np.stack(flow)
        self.truth, self.sizes = np.stack(truth), sizes

    def figures(self, maps: Array) -> dict[str, float]:
        found = flowgrad.score(maps, self.truth)
        rates = {f"success at {at}": success_rate(found, at) for at in (0.3, 0.5)}
        return rates | {"AUC": area_under_curve(found), "mean cIoU": float(found.mean())}

    def drawn(self, box: Callable[[int, int], list[tuple[float, float, float, float]]]) -> Array:
        return np.stack([rasterise(box(*size), *size) for size in self.sizes])

    def maps(self, model: flowgrad.models.loading.LocalizationModel) -> Array:
        return model(self.frames, self.audio, SAMPLE_RATE, self.flow)


def apart(row: str, checkpoint: Path, unseen: Unseen) -> tuple[Array, Array, Array]:
    """Return what a row sees, hears, and has for the mean of all sounds: (N, E, C, h, w) and twice (N, C)."""
    difference = BUILT_IN["paper"].model_copy(update={"inputs": {"cam": "difference"}})
    model: Any = flowgrad.load_model(row, checkpoint, difference, "cpu")
    seen, heard = [], []
    for start in range(0, len(unseen.frames), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        frames = np.stack([resized(frame, MAP_SIZE) for frame in unseen.frames[some]])
        met = model._localize.apart(Batch(frames=frames, audio=unseen.audio[some], flow=unseen.flow[some]))
        seen.append(met.seen)
        heard.append(met.heard)
    own, mean = np.split(np.concatenate(heard), 2, axis=1)
    return np.concatenate(seen), own, mean


def heard_as(sound: str, own: Array) -> Array:
    """Return the embeddings (N, C) that stand in for those of the frames' own sounds."""
    if sound == "mean":
        return np.repeat(mean_sound([own])[None], len(own), axis=0)
    # half of the clips away
    return own if sound == "own" else np.roll(own, len(own) // 2, axis=0)


def asked(row: str, checkpoint: Path, unseen: Unseen) -> Iterator[dict[str, Any]]:
    """Yield the figures of a row by each kind of map and under each sound; its networks run once."""
    seen, own, mean = apart(row, checkpoint, unseen)
    for cam in get_args(Cam):
        for sound in ("own", "mean", "foreign"):
            heard = heard_as(sound, own)
            given = np.concatenate((heard, mean), axis=1) if cam == "difference" else heard
            yield {"map": cam, "sound": sound} | unseen.figures(joined(seen, given, RCGradSettings(cam=cam)))


def rows(files: dict[str, Path], unseen: Unseen, width: int, seed: int, out: Path) -> Iterator[dict[str, Any]]:
    for name, box in (("whole-frame", whole_frame), ("centre-box", centre_box)):
        # a box is no map: as one it would need contrast
        drawn = unseen.drawn(box)
        truth = unseen.truth
        found = (drawn * truth).sum((1, 2)) / np.maximum(drawn, truth).sum((1, 2))
        rates = {f"success at {at}": success_rate(found, at) for at in (0.3, 0.5)}
        yield {"row": name} | rates | {"AUC": area_under_curve(found), "mean cIoU": float(found.mean())}
    yield {"row": "flow"} | unseen.figures(unseen.maps(flowgrad.load_model("flow")))
    for method, file in files.items():
        torch.manual_seed(seed)
        random = out / f"untrained-{method}.ckpt"
        save({"state_dict": build_encoders(method, width).state_dict()}, random)
        parts = [method, *(f"{method}-{part}" for part in ("picture", "flow") if method == "flowgrad-en")]
        for networks, checkpoint in (("untrained", random), ("trained", file)):
            for row in parts:
                for found in asked(row, checkpoint, unseen):
                    if networks == "trained" or found["sound"] == "own":
                        yield {"row": row, "networks": networks} | found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--networks", nargs="+", default=["rcgrad", "flowgrad-en", "flowgrad-ic"])
    parser.add_argument("--settings", type=Path, default=SETTINGS)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--best-so-far", action="store_true")
    options = parser.parse_args()
    config, out = settings(options.settings), options.out
    one_thread()
    if not options.best_so_far:
        render(config, out, options.cores)
        plan, root = Plan(out / "samples"), out / "streets/unlabelled"
        plan.update(open_dataset("videos", root), SHARD)
        with ProcessPoolExecutor(options.cores, initializer=one_thread) as pool:
            every = config.training.frames_per_second
            made = [pool.submit(make_samples, root, out / "samples", shard, every) for shard in plan.shards()]
            files = [future.result() for future in made]
    packed = {}
    for method in options.networks:
        if not options.best_so_far:
            train(method, config, files, out)
        checkpoint = best_so_far(method, config, out)
        if checkpoint is None:
            print(f"{method}: no epoch yet", file=sys.stderr)
            continue
        known = get_model(method).weights
        assert known is not None
        assert known.layout is not None
        packed[method] = out / "packed" / f"streets-{method}.pt"
        size = pack(checkpoint, known.layout, packed[method])
        check_layout(packed[method], known.layout)
        print(f"{packed[method]}: {size / 2**20:.2f} MiB, {len(load_state(packed[method], known.layout))} tensors")
    unseen = Unseen(out / "streets/labelled")
    table = pd.DataFrame(rows(packed, unseen, config.training.width, config.training.seed, out))
    print(f"{len(unseen.truth)} scored frames; maps {MAP_SIZE}x{MAP_SIZE}")
    print(table.round(3).fillna("").to_string(index=False), flush=True)
    table.to_csv(out / "scores.csv", index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
