"""Rule ``samples``."""

from pathlib import Path

from flowgrad.job import job
from flowgrad.stages import samples

with job(snakemake) as run:
    samples.run(
        shard=Path(snakemake.input.shard),
        root=run.training.root,
        frames_per_second=run.config.training.frames_per_second,
        samples_out=Path(snakemake.output.samples),
        status_out=Path(snakemake.output.status),
    )
