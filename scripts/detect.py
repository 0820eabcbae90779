"""Rule ``detect``."""

from pathlib import Path

from flowgrad.stages import detect
from flowgrad.workflow import work
from flowgrad.workflow.job import job

with job(snakemake) as run, work.frames(run, snakemake.wildcards.shard) as frames:
    detect.run(
        frames_in=frames,
        out=Path(snakemake.output.boxes),
        detector=work.detector(run, threads=snakemake.threads),
        storage=snakemake.wildcards.storage,
    )
