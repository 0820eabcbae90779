"""Rule ``training_clips``."""

from pathlib import Path

from flowgrad.stages import samples
from flowgrad.workflow.job import job

with job(snakemake):
    samples.run_clips(
        statuses_in=[Path(path) for path in snakemake.input.statuses],
        clips_in=Path(snakemake.input.clips),
        out=Path(snakemake.output.clips),
    )
