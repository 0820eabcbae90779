"""Rule ``stationary``."""

from pathlib import Path

from flowgrad.job import job
from flowgrad.stages import detect

with job(snakemake) as run:
    detect.run_stationary(
        boxes_in=Path(snakemake.input.boxes),
        out=Path(snakemake.output.detections),
        iou=snakemake.params.depends["stationary_iou"],
        gap=snakemake.params.depends["stationary_gap"],
        drop=snakemake.params.depends["stationary_drop"],
        wanted=run.scored_frames(snakemake.wildcards.shard, snakemake.wildcards.protocol),
    )
