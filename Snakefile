"""flowgrad: street videos in, sound-source heatmaps and the benchmark table out.

    snakemake --cores 16 all                                            # settings in config.yaml
    snakemake --snakefile REPO/Snakefile --directory WORK --configfile MY.yaml --cores 16 all

Everything is written under results/ of the working folder. docs/running.md explains the targets.
"""

import sys
from pathlib import Path

sys.path.insert(0, f"{workflow.basedir}/src")

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from flowgrad.cluster import end_leftovers
from flowgrad.config import TRAINABLE
from flowgrad.errors import InputError
from flowgrad.frames import sweep
from flowgrad.run import prepare

min_version("9.19")


configfile: f"{workflow.basedir}/config.yaml"


try:
    RUN = prepare(config, main=workflow.is_main_process)
except InputError as error:
    raise WorkflowError(str(error)) from None

if workflow.is_main_process:
    for note in RUN.findings.notes:
        print(f"note: {note}", file=sys.stderr)


# of use only with --software-deployment-method apptainer (docs/cluster.md)
container: RUN.config.container


wildcard_constraints:
    shard=r"\d{5}",
    model="|".join(RUN.map_models) or "none",
    protocol="|".join(RUN.protocols),
    storage="exact|jpeg",
    part="labelled|unlabelled",
    method="|".join(TRAINABLE),


# where jobs are submitted, a limit such as "one GPU" holds for each of them, not for all of them together
resource_scopes:
    gpu="local",


include: "workflow/rules/streets.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/decode.smk"
include: "workflow/rules/flow.smk"
include: "workflow/rules/heatmaps.smk"
include: "workflow/rules/detect.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/pictures.smk"


rule all:
    default_target: True
    input:
        "results/clips.csv",
        rules.maps.input,
        rules.detections.input,
        rules.released.input,
        rules.metrics.input if RUN.labelled else [],
        rules.pictures.input,
        rules.street_annotations.output if RUN.config.dataset.format == "streets" else [],
        "results/.accepted" if RUN.config.on_bad_clip == "fail" else [],


onstart:
    # where another run holds a lock, what is in the queue and in hidden folders may be its own
    if RUN.update:
        try:
            end_leftovers(Path.cwd(), submits=workflow.non_local_exec)
        except InputError as error:
            raise WorkflowError(str(error)) from None
        sweep(Path("results/frames"))


onsuccess:
    from flowgrad.report import closing_lines

    print(*closing_lines("results", RUN.labelled), sep="\n")
