"""Rule ``gallery``."""

from pathlib import Path

from flowgrad.stages import gallery
from flowgrad.workflow.files import gallery_shards
from flowgrad.workflow.job import job

with job(snakemake) as run:
    name = snakemake.wildcards.protocol
    gallery.run(
        shards=gallery_shards(run, name),
        root=run.config.open_dataset().root,
        rows=[row for row in run.table if row.protocol == name],
        protocol_name=name,
        protocol=run.protocols[name],
        thresholds={row.name: run.threshold(row) for row in run.scored_maps(name)},
        controls=snakemake.params.depends["controls"],
        present=[clip for clips in run.clips.values() for clip in clips],
        out=Path(snakemake.output.folder),
    )
