"""Rule ``decode``."""

from pathlib import Path

from flowgrad.stages import decode
from flowgrad.workflow import work
from flowgrad.workflow.job import job

with job(snakemake) as run:
    decode.run(
        cache=work.cache(run),
        shard=snakemake.wildcards.shard,
        recipe=work.recipe(run, snakemake.wildcards.shard, run.map_rows),
        status_out=Path(snakemake.output.status),
    )
