"""Rule ``clips``."""

from pathlib import Path

from flowgrad.stages import tables
from flowgrad.workflow.job import job

with job(snakemake) as run:
    tables.run_clips(
        plan_in=Path(snakemake.input.plan),
        statuses_in=[Path(path) for path in snakemake.input.statuses],
        annotations_in=[Path(path) for path in snakemake.input.annotations],
        protocols=[protocol.ground_truth for protocol in run.protocols.values()],
        listens=run.listens,
        out=Path(snakemake.output.clips),
    )
