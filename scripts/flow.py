"""Rule ``flow``."""

from pathlib import Path

from flowgrad.stages import flow
from flowgrad.workflow import work
from flowgrad.workflow.job import job

with job(snakemake) as run, work.frames(run, snakemake.wildcards.shard) as frames:
    flow.run(
        shard_in=Path(snakemake.input.shard),
        frames_in=frames,
        root=run.config.open_dataset().root,
        kind=snakemake.wildcards.kind,
        name=snakemake.wildcards.estimator,
        estimator=work.estimator(run, snakemake.threads),
        out=Path(snakemake.output.flow),
        threads=snakemake.threads,
    )
