"""Rule ``costs``."""

from pathlib import Path

from flowgrad import paths
from flowgrad.stages import figures
from flowgrad.workflow.job import job

with job(snakemake):
    figures.run_costs(logs_in=Path(paths.LOGS), clips_in=Path(snakemake.input.clips), out=Path(snakemake.output.figure))
