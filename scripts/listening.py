"""Rule ``listening``."""

from pathlib import Path

from flowgrad.stages import listening, score
from flowgrad.workflow import files
from flowgrad.workflow.job import job

with job(snakemake) as run:
    row = files.row_of(run, snakemake.wildcards.model, snakemake.wildcards.protocol)
    given = snakemake.input
    listening.run(
        row=row,
        settings=row.model.settings(run.protocols[row.protocol]),
        protocol=run.protocols[row.protocol],
        threshold=run.threshold(row),
        shards=[
            listening.Shard(*map(Path, paths))
            for paths in zip(given.apart, given.statuses, given.annotations, strict=True)
        ],
        present=run.plan.present().keys(),
        score=score.run,
        out=Path(snakemake.output.scores),
    )
