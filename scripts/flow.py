"""Rule ``flow``."""

from pathlib import Path

from flowgrad.job import job
from flowgrad.stages import flow

with job(snakemake) as run, run.frames(snakemake.wildcards.shard) as frames:
    flow.run(
        frames_in=frames,
        out=Path(snakemake.output.flow),
        threads=snakemake.threads,
    )
