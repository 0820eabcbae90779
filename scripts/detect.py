"""Rule ``detect``."""

from pathlib import Path

from flowgrad.job import job
from flowgrad.stages import detect

with job(snakemake) as run, run.frames(snakemake.wildcards.shard) as frames:
    detect.run(
        frames_in=frames,
        out=Path(snakemake.output.boxes),
        detector=run.detector(threads=snakemake.threads),
        storage=snakemake.wildcards.storage,
    )
