"""Rule ``summary``."""

from pathlib import Path

from flowgrad.stages import tables
from flowgrad.workflow.job import job

with job(snakemake) as run:
    tables.run_summary(
        plan_in=Path(snakemake.input.plan),
        scores_in=[Path(path) for path in snakemake.input.scores],
        rows=[(row.name, row.protocol) for row in run.table],
        metrics=run.metrics,
        reference=run.config.reference,
        frames_out=Path(snakemake.output.frames),
        summary_out=Path(snakemake.output.summary),
        differences_out=Path(snakemake.output.differences),
    )
