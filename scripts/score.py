"""Rule ``score``."""

from pathlib import Path

from flowgrad.stages import score
from flowgrad.workflow.job import job

with job(snakemake) as run:
    scored = {(row.name, row.protocol): row for row in run.scored_maps()}
    score.run(
        status_in=Path(snakemake.input.status),
        annotations_in=Path(snakemake.input.annotations),
        rows=run.table,
        protocols=run.protocols,
        thresholds={key: run.threshold(row) for key, row in scored.items()},
        metrics=run.metrics,
        maps_in=dict(zip(scored, map(Path, snakemake.input.maps), strict=True)),
        detections_in={name: Path(path) for name, path in zip(run.protocols, snakemake.input.detections, strict=False)},
        out=Path(snakemake.output.scores),
    )
