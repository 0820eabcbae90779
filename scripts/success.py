"""Rule ``success``."""

from pathlib import Path

from flowgrad.stages import figures
from flowgrad.workflow.job import job

with job(snakemake):
    figures.run_success(
        frames_in=Path(snakemake.input.frames),
        plan_in=Path(snakemake.input.plan),
        protocol=snakemake.wildcards.protocol,
        controls=snakemake.params.depends["controls"],
        out=Path(snakemake.output.figure),
    )
