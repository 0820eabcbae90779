"""Rule ``fit``."""

from pathlib import Path

from flowgrad.stages import fit
from flowgrad.workflow.job import job

with job(snakemake) as run:
    fit.run(
        **run.training.fit_settings(snakemake.wildcards.method),
        samples_in=[Path(path) for path in snakemake.input.samples],
        clips_in=Path(snakemake.input.clips),
        device=run.config.device,
        threads=snakemake.threads,
        processes=max(1, run.training_gpus),
        alone=snakemake.threads == run.config.training.threads > 1,
        checkpoint_out=Path(snakemake.output.checkpoint),
        log_out=Path(snakemake.output.log),
        curves_out=Path(snakemake.output.curves),
    )
