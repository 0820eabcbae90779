"""Rule ``slice_figures``."""

from pathlib import Path

from flowgrad.stages import figures
from flowgrad.workflow.job import job

with job(snakemake):
    figures.run_slices(
        slices_in=Path(snakemake.input.slices),
        protocol=snakemake.wildcards.protocol,
        controls=snakemake.params.depends["controls"],
        out=Path(snakemake.output.folder),
    )
