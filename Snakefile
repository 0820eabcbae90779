"""flowgrad: street videos in, sound-source heatmaps and the benchmark table out.

    snakemake --cores 16 all                                            # settings in config.yaml
    snakemake --snakefile REPO/Snakefile --directory WORK --configfile MY.yaml --cores 16 all

Everything is written under results/ of the working folder. docs/running.md explains the targets.
"""

import sys
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, f"{workflow.basedir}/src")

from snakemake.utils import min_version

from flowgrad import paths
from flowgrad.errors import InputError
from flowgrad.flow.forms import KINDS
from flowgrad.models.registry import trainable
from flowgrad.workflow import depends, files, work
from flowgrad.workflow.ending import MISTAKE, give_up, no_target, or_give_up
from flowgrad.workflow.progress import settle
from flowgrad.workflow.run import begin_run, job_run, share_package_with_jobs

min_version("9.19")
STARTED = time.time()


configfile: f"{workflow.basedir}/config.yaml"


report: "workflow/report/run.rst"


try:
    RUN = begin_run(config) if workflow.is_main_process else job_run(config)
except (InputError, OSError) as error:
    give_up(error)

if workflow.is_main_process:
    share_package_with_jobs()
    for note in RUN.findings.notes:
        print(f"note: {note}", file=sys.stderr)


wildcard_constraints:
    shard=r"\d{5}",
    model="|".join(RUN.map_models) or "none",
    protocol="|".join(RUN.protocols),
    storage="exact|jpeg",
    estimator=RUN.config.flow.estimator,
    kind="|".join(KINDS),
    part="labelled|unlabelled",
    method="|".join(trainable()),


include: "workflow/cluster.smk"
include: "workflow/rules/streets.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/decode.smk"
include: "workflow/rules/flow.smk"
include: "workflow/rules/background.smk"
include: "workflow/rules/heatmaps.smk"
include: "workflow/rules/listening.smk"
include: "workflow/rules/sources.smk"
include: "workflow/rules/detect.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/slices.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/pictures.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/page.smk"
include: "workflow/rules/overlays.smk"
include: "workflow/targets.smk"


rule all:
    default_target: True
    input:
        paths.CLIPS,
        rules.maps.input,
        rules.detections.input,
        rules.released.input,
        rules.metrics.input if RUN.labelled else [],
        rules.pictures.input,
        rules.figures.input if RUN.config.figures else [],
        rules.page.input if RUN.config.page else [],
        rules.overlays.input if RUN.overlaid else [],
        rules.street_annotations.output if RUN.config.dataset.rendered else [],
        paths.ACCEPTED if RUN.config.on_bad_clip == "fail" else [],


onsuccess:
    from flowgrad.report import closing_lines

    settle(workflow)
    print(*closing_lines(paths.RESULTS), sep="\n")


onerror:
    from flowgrad.report import failure_lines

    settle(workflow)
    print(*failure_lines(Path(paths.LOGS), STARTED), sep="\n", file=sys.stderr)
