"""Rule ``training_clips``."""

from pathlib import Path

from flowgrad.job import job
from flowgrad.stages import samples

with job(snakemake):
    samples.run_clips(
        statuses_in=[Path(path) for path in snakemake.input.statuses],
        labelled_in=Path(snakemake.input.labelled),
        out=Path(snakemake.output.clips),
    )
