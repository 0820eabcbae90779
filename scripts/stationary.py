"""Rule ``stationary``."""

from pathlib import Path

from flowgrad.stages import detect
from flowgrad.workflow import work
from flowgrad.workflow.job import job

with job(snakemake) as run:
    rules = run.protocols[snakemake.wildcards.protocol].stationary
    detect.run_stationary(
        boxes_in=Path(snakemake.input.boxes),
        out=Path(snakemake.output.detections),
        iou=rules.stationary_iou,
        gap=rules.stationary_gap,
        drop=rules.stationary_drop,
        wanted=work.wanted(run, snakemake.wildcards.shard, snakemake.wildcards.protocol),
    )
