"""Rule ``score``."""

from pathlib import Path

from flowgrad.job import job
from flowgrad.stages import score

with job(snakemake) as run:
    score.run(
        status_in=Path(snakemake.input.status),
        annotations_in=Path(snakemake.input.annotations),
        specs=run.table_models,
        protocols=run.protocols,
        maps_in=run.score_maps(snakemake.wildcards.shard),
        detections_in=run.score_detections(snakemake.wildcards.shard),
        out=Path(snakemake.output.scores),
    )
