"""Rule ``sheet``."""

from pathlib import Path

from flowgrad.stages import pictures
from flowgrad.workflow.job import job

with job(snakemake) as run:
    name, inputs, scored = snakemake.wildcards.protocol, snakemake.input, run.scored_maps(snakemake.wildcards.protocol)
    pictures.run(
        shard_in=Path(inputs.shard),
        root=run.config.open_dataset().root,
        status_in=Path(inputs.status),
        rows=[row for row in run.table if row.protocol == name],
        protocol_name=name,
        protocol=run.protocols[name],
        thresholds={row.name: run.threshold(row) for row in scored},
        maps_in={row.name: Path(path) for row, path in zip(scored, inputs.maps, strict=True)},
        detections_in=Path(inputs.detections) if inputs.detections else None,
        annotations_in=Path(inputs.annotations) if inputs.annotations else None,
        scores_in=Path(inputs.scores) if inputs.scores else None,
        flow_in=Path(inputs.flow[0]) if inputs.flow else None,
        count=run.config.pictures,
        out=Path(snakemake.output.sheet),
        present=snakemake.params.depends["clips"],
    )
