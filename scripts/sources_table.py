"""Rule ``sources_table``."""

from pathlib import Path

from flowgrad.stages import sources
from flowgrad.workflow.job import job

with job(snakemake):
    sources.run_table(
        plan_in=Path(snakemake.input.plan),
        scores_in=[Path(path) for path in snakemake.input.scores],
        out=Path(snakemake.output.table),
    )
