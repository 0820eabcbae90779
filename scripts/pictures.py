"""Rule ``sheet``."""

from pathlib import Path

from flowgrad.job import job
from flowgrad.stages import pictures

with job(snakemake) as run:
    shard, protocol = snakemake.wildcards.shard, snakemake.wildcards.protocol
    pictures.run(
        **run.picture_sources(protocol, shard),
        protocol_name=protocol,
        count=run.config.pictures,
        out=Path(snakemake.output.sheet),
        present=snakemake.params.depends["clips"],
    )
