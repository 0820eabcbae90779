"""Rule ``arithmetic``."""

from pathlib import Path

from flowgrad.stages import heatmaps
from flowgrad.workflow import files, work
from flowgrad.workflow.job import job

with job(snakemake) as run:
    model, shard = snakemake.wildcards.model, snakemake.wildcards.shard
    for protocol, depends, out in zip(run.protocols, snakemake.params.depends, snakemake.output, strict=True):
        row = files.row_of(run, model, protocol)
        inputs = files.heatmaps(run, row, shard)
        heatmaps.run(
            **work.model(run, row, depends),
            flow_in=Path(inputs["flow"]) if "flow" in inputs else None,
            background_in=Path(inputs["background"]) if "background" in inputs else None,
            maps_in=Path(inputs["maps"]) if "maps" in inputs else None,
            wanted=work.wanted(run, shard, protocol),
            out=Path(out),
        )
