"""Rule ``decode``."""

from pathlib import Path

from flowgrad.job import job
from flowgrad.stages import decode

with job(snakemake) as run:
    decode.run(
        run.recipe(snakemake.wildcards.shard),
        frames_out=Path(snakemake.output.frames),
        status_out=Path(snakemake.output.status),
        on_disk=run.config.frames_on_disk,
    )
