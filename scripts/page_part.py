"""Rule ``page_part``."""

from pathlib import Path

from flowgrad.stages import page
from flowgrad.workflow.job import job

with job(snakemake) as run:
    inputs, scored = snakemake.input, {(row.name, row.protocol): row for row in run.scored_maps()}
    page.run(
        shard_in=Path(inputs.shard),
        root=run.config.open_dataset().root,
        status_in=Path(inputs.status),
        rows=run.table,
        protocols=run.protocols,
        thresholds={key: run.threshold(row) for key, row in scored.items()},
        maps_in=dict(zip(scored, map(Path, inputs.maps), strict=True)),
        detections_in={name: Path(path) for name, path in zip(run.protocols, inputs.detections, strict=False)},
        annotations_in=Path(inputs.annotations) if inputs.annotations else None,
        scores_in=Path(inputs.scores) if inputs.scores else None,
        out=Path(snakemake.output.part),
        present=snakemake.params.depends["clips"],
    )
