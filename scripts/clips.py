"""Rule ``clips``."""

from pathlib import Path

from flowgrad.job import job
from flowgrad.stages import tables

with job(snakemake) as run:
    tables.run_clips(
        plan_in=Path(snakemake.input.plan),
        statuses_in=[Path(path) for path in snakemake.input.statuses],
        annotations_in=[Path(path) for path in snakemake.input.annotations],
        protocols=list(run.protocols.values()),
        listens=run.listens,
        out=Path(snakemake.output.clips),
    )
