"""Rule ``accept``."""

from pathlib import Path

from flowgrad.stages import tables
from flowgrad.workflow.job import job

with job(snakemake):
    tables.check_accepted(Path(snakemake.input.clips))
