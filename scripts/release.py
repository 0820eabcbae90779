"""Rule ``release``."""

from pathlib import Path

from flowgrad import artifacts, frames
from flowgrad.job import job

with job(snakemake):
    frames.release(Path(snakemake.input.frames))
    artifacts.write_text(Path(snakemake.output.mark), "")
