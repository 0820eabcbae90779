"""Rule ``heatmaps``."""

import contextlib
from pathlib import Path

from flowgrad.stages import heatmaps
from flowgrad.workflow import files, work
from flowgrad.workflow.job import job

with job(snakemake) as run:
    shard, protocol = snakemake.wildcards.shard, snakemake.wildcards.protocol
    row, inputs = files.row_of(run, snakemake.wildcards.model, protocol), dict(snakemake.input.items())
    outputs = dict(snakemake.output.items())
    with work.frames(run, shard, [row]) if "frames" in inputs else contextlib.nullcontext() as frames:
        heatmaps.run(
            **work.model(run, row, snakemake.params.depends),
            frames_in=frames,
            flow_in=Path(inputs["flow"]) if "flow" in inputs else None,
            background_in=Path(inputs["background"]) if "background" in inputs else None,
            maps_in=Path(inputs["maps"]) if "maps" in inputs else None,
            wanted=work.wanted(run, shard, protocol),
            out=Path(snakemake.output.maps),
            apart_out=Path(outputs["apart"]) if "apart" in outputs else None,
            threads=snakemake.threads,
        )
