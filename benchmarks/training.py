"""How fast training reads and learns: samples a second, with and without the networks' work (docs/training.md).

python benchmarks/training.py [--width 16] [--threads 2] [--clips 16]

Streets are rendered first; nothing is trained to any end.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from pathlib import Path

import lightning as L
import torch

from flowgrad.datasets.registry import open_dataset
from flowgrad.flow.farneback import Farneback
from flowgrad.models.base import SampleSpec
from flowgrad.models.rcgrad.objective import FlowGradEN, FlowGradIC, RCGrad
from flowgrad.plan import Plan
from flowgrad.stages import samples as stage
from flowgrad.synthetic.dataset import write_dataset
from flowgrad.synthetic.settings import StreetSettings
from flowgrad.training.data import EpochBatches, loader
from flowgrad.training.learner import Learner
from flowgrad.training.objective import Start
from flowgrad.training.samples import SampleSet

SECONDS = 20.0
BATCH = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clips", type=int, default=16)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_dataset(place, StreetSettings(seconds=SECONDS, frames_per_second=8), 0, options.clips, options.threads)
        plan = Plan(place / "results")
        plan.update(open_dataset("videos", place / "unlabelled"), options.clips)
        start = time.perf_counter()
        stage.run(
            shard=plan.shard_file("00001"),
            root=place / "unlabelled",
            spec=SampleSpec(),
            frames_per_second=2,
            name="farneback",
            estimator=Farneback(),
            samples_out=place / "samples.h5",
            status_out=place / "status.csv",
        )
        took = time.perf_counter() - start
        samples = SampleSet([place / "samples.h5"])
        count = sum(samples.length(clip) for clip in samples.clips)
        size = (place / "samples.h5").stat().st_size / 1e6
        each = took / count * 1e3
        print(f"{'making samples, one core':44s} {each:8.1f} ms a sample, {size / count * 1e3:.0f} kB")
        batches = EpochBatches(samples, samples.clips, BATCH, 12, together=1, seed=1)
        held_out = EpochBatches(samples, samples.clips[:BATCH], BATCH, 1, together=1, seed=1)
        for name in ("reading, first time", "reading"):
            start = time.perf_counter()
            read = sum(len(batch["audio"]) for batch in loader(samples, batches, 0, False))
            print(f"{name:44s} {read / (time.perf_counter() - start):8.0f} samples a second", flush=True)
        for objective in (RCGrad, FlowGradIC, FlowGradEN):
            for precision in ("32-true", "bf16-mixed"):
                learnt = objective.started(Start("random", None, options.width))
                module = Learner(learnt, 1e-3, 5, augment=True)
                trainer = L.Trainer(
                    accelerator="cpu",
                    max_epochs=1,
                    precision=precision,  # type: ignore[arg-type]
                    logger=False,
                    enable_checkpointing=False,
                    enable_progress_bar=False,
                    enable_model_summary=False,
                )
                start = time.perf_counter()
                networks = module.to(memory_format=torch.channels_last)
                # the learning rate follows a loss on held-out clips: as few as can be
                trainer.fit(networks, loader(samples, batches, 0, False), loader(samples, held_out, 0, False))
                rate = (len(batches) + len(held_out)) * BATCH / (time.perf_counter() - start)
                what = f"{objective.name}, {precision}, width {options.width}"
                print(f"{what:44s} {rate:8.0f} samples a second", flush=True)


if __name__ == "__main__":
    main()
