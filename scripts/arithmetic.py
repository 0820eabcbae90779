"""Rule ``arithmetic``."""

from pathlib import Path

from flowgrad.job import job
from flowgrad.stages import heatmaps

with job(snakemake) as run:
    model, shard = snakemake.wildcards.model, snakemake.wildcards.shard
    for protocol, depends, out in zip(run.protocols, snakemake.params.depends, snakemake.output, strict=True):
        heatmaps.run(**run.heatmap_sources(model, protocol, shard, depends.get("weights", "")), out=Path(out))
