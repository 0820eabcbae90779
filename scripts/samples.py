"""Rule ``samples``."""

from pathlib import Path

from flowgrad.stages import samples
from flowgrad.workflow import work
from flowgrad.workflow.job import job

with job(snakemake) as run:
    samples.run(
        shard=Path(snakemake.input.shard),
        root=run.training.root,
        spec=run.training.spec(snakemake.wildcards.sample),
        frames_per_second=run.config.training.frames_per_second,
        name=run.config.flow.estimator,
        estimator=work.estimator(run, snakemake.threads),
        samples_out=Path(snakemake.output.samples),
        status_out=Path(snakemake.output.status),
    )
