"""Rule ``page_index``."""

from pathlib import Path

from flowgrad.stages import page
from flowgrad.workflow.job import job

with job(snakemake) as run:
    page.run_index(
        plan_in=Path(snakemake.input.plan),
        parts=list(map(Path, snakemake.input.parts)),
        clips_in=Path(snakemake.input.clips),
        rows=run.table,
        protocols=run.protocols,
        out=Path(snakemake.output.index),
    )
