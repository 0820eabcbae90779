"""Rule ``summary``."""

from pathlib import Path

from flowgrad.job import job
from flowgrad.stages import tables

with job(snakemake) as run:
    tables.run_summary(
        plan_in=Path(snakemake.input.plan),
        scores_in=[Path(path) for path in snakemake.input.scores],
        models=run.findings.models,
        protocols=list(run.protocols),
        frames_out=Path(snakemake.output.frames),
        summary_out=Path(snakemake.output.summary),
    )
