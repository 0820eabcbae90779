"""Rule ``conditions``."""

from pathlib import Path

from flowgrad.stages import conditions
from flowgrad.workflow import work
from flowgrad.workflow.job import job

with job(snakemake) as run, work.frames(run, snakemake.wildcards.shard) as frames:
    conditions.run(frames_in=frames, flow_in=Path(snakemake.input.flow), out=Path(snakemake.output.conditions))
