"""Rule ``tables_page``."""

from pathlib import Path

from flowgrad.stages import figures
from flowgrad.workflow.job import job

with job(snakemake) as run:
    given = snakemake.input
    figures.run_tables(
        summary_in=Path(given.summary) if given.summary else None,
        listening_in=Path(given.listening) if given.listening else None,
        sources_in=Path(given.sources) if given.sources else None,
        clips_in=Path(given.clips),
        controls=snakemake.params.depends["controls"],
        dataset=snakemake.params.depends["dataset"],
        out=Path(snakemake.output.page),
    )
