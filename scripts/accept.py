"""Rule ``accept``."""

from pathlib import Path

from flowgrad.job import job
from flowgrad.stages import tables

with job(snakemake):
    tables.check_accepted(Path(snakemake.input.clips))
