"""Rule ``overlay``."""

from pathlib import Path

from flowgrad.stages import overlays
from flowgrad.workflow.job import job

with job(snakemake) as run:
    protocol, inputs = snakemake.wildcards.protocol, snakemake.input
    rows = run.scored_maps(protocol)
    overlays.run(
        shard_in=Path(inputs.shard),
        root=run.config.open_dataset().root,
        clips=snakemake.params.depends["clips"],
        rules=run.protocols[protocol].threshold,
        thresholds={row.name: run.threshold(row) for row in rows},
        maps_in={row.name: Path(path) for row, path in zip(rows, inputs.maps, strict=True)},
        detections_in=Path(inputs.detections) if inputs.detections else None,
        out=Path(snakemake.output.mark),
    )
