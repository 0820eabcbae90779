"""Rule ``street_annotations``."""

from flowgrad.synthetic.dataset import write_annotations
from flowgrad.workflow.job import job

with job(snakemake) as run:
    streets = run.config.open_dataset()
    write_annotations(streets.root, streets.settings, streets.names)
