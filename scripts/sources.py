"""Rule ``sources``."""

from pathlib import Path

from flowgrad.stages import sources
from flowgrad.workflow import files
from flowgrad.workflow.job import job

with job(snakemake) as run:
    row = files.row_of(run, snakemake.wildcards.model, snakemake.wildcards.protocol)
    given = snakemake.input
    sources.run(
        model=row.name,
        protocol_name=row.protocol,
        protocol=run.protocols[row.protocol],
        threshold=run.threshold(row),
        shards=[
            sources.Shard(*map(Path, paths))
            for paths in zip(given.clips, given.maps, given.statuses, given.annotations, strict=True)
        ],
        present=run.plan.present().keys(),
        out=Path(snakemake.output.scores),
    )
