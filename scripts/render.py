"""Rule ``render``."""

from pathlib import Path

from flowgrad.stages import render
from flowgrad.workflow.job import job

with job(snakemake) as run:
    render.run(
        shard=Path(snakemake.input.shard),
        settings=run.config.streets.settings(),
        mark=Path(snakemake.output.mark),
    )
