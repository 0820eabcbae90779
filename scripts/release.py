"""Rule ``release``."""

from pathlib import Path

from flowgrad import artifacts
from flowgrad.workflow import work
from flowgrad.workflow.job import job

with job(snakemake) as run:
    work.cache(run).release(snakemake.wildcards.shard)
    artifacts.write_text(Path(snakemake.output.mark), "")
