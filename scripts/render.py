"""Rule ``render``."""

from pathlib import Path

from flowgrad.workflow.job import job
from flowgrad.stages import render

with job(snakemake) as run:
    render.run(
        shard=Path(snakemake.input.shard),
        settings=run.config.streets.settings(),
        mark=Path(snakemake.output.mark),
    )
