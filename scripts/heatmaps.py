"""Rule ``heatmaps``."""

from pathlib import Path

from flowgrad.job import job
from flowgrad.stages import heatmaps

with job(snakemake) as run:
    shard, model, protocol = (snakemake.wildcards[name] for name in ("shard", "model", "protocol"))
    with run.frames(shard) as frames:
        heatmaps.run(
            **run.heatmap_sources(model, protocol, shard, snakemake.params.depends.get("weights", "")),
            frames_in=frames,
            out=Path(snakemake.output.maps),
            device=run.config.device,
            precision=run.config.precision,
            batch_size=run.config.batch_size,
            threads=snakemake.threads,
        )
