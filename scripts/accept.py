"""Rule ``accept``."""

from pathlib import Path

from flowgrad.run import job
from flowgrad.stages import tables

with job(snakemake):
    tables.check_accepted(Path(snakemake.input.clips))
