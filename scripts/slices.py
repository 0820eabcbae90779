"""Rule ``slices``."""

from pathlib import Path

from flowgrad.stages import slices
from flowgrad.workflow.job import job

with job(snakemake) as run:
    given = snakemake.input
    conditions = map(Path, given.conditions) if run.measures else [None] * len(run.shards)
    files = (map(Path, some) for some in (given.scores, given.statuses, given.annotations))
    slices.run(
        plan_in=Path(given.plan),
        shards=[slices.Shard(*some) for some in zip(*files, conditions, strict=True)],
        rows=[(row.name, row.protocol) for row in run.table],
        protocols=run.protocols,
        metrics=run.metrics,
        out=Path(snakemake.output.table),
    )
