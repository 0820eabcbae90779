"""Rule ``fit_detector``."""

from pathlib import Path

from flowgrad.stages import fit_detector
from flowgrad.workflow.job import job

with job(snakemake) as run:
    streets = run.training.dataset()
    fit_detector.run(
        settings=streets.settings,
        videos={clip.name: streets.root / clip.video for clip in streets.clips()},
        epochs=run.config.training.detector_epochs,
        seed=run.config.training.seed,
        device=run.config.device,
        threads=snakemake.threads,
        weights_out=Path(snakemake.output.weights),
        log_out=Path(snakemake.output.log),
    )
