"""Rule ``listening``."""

from pathlib import Path

from flowgrad.stages import heatmaps, listening, score
from flowgrad.workflow import files, work
from flowgrad.workflow.job import job

with job(snakemake) as run:
    row = files.row_of(run, snakemake.wildcards.model, snakemake.wildcards.protocol)
    given = snakemake.input
    listening.run(
        **work.asked(run, row),
        shards=[
            listening.Shard(*map(Path, paths), work.steps(run, row, shard, heatmaps.run))
            for shard, *paths in zip(run.shards, given.apart, given.statuses, given.annotations, strict=True)
        ],
        present=run.plan.present().keys(),
        score=score.run,
        out=Path(snakemake.output.scores),
    )
