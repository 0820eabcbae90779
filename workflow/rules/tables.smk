"""Tables: what a person reads.

in   results/scores/*.csv, results/status/*.csv, results/plan/
out  results/metrics/frames.csv, results/metrics/summary.csv, results/metrics/differences.csv, results/clips.csv
"""


rule summary:
    input:
        plan=paths.PLAN,
        scores=expand(paths.scores(), shard=RUN.shards),
    output:
        frames=paths.FRAMES_TABLE,
        summary=paths.SUMMARY,
        differences=paths.DIFFERENCES,
    log:
        paths.log("summary"),
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    params:
        depends=depends.summary(RUN),
    script:
        "../../scripts/summary.py"


rule clips:
    input:
        plan=paths.PLAN,
        statuses=expand(paths.status(), shard=RUN.shards),
        annotations=expand(paths.annotations(), shard=RUN.shards),
    output:
        clips=paths.CLIPS,
    log:
        paths.log("clips"),
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    params:
        depends=depends.clips(RUN),
    script:
        "../../scripts/clips.py"


rule accept:
    input:
        clips=paths.CLIPS,
        everything=[rules.maps.input, rules.detections.input, rules.summary.output if RUN.labelled else []],
    output:
        mark=touch(paths.ACCEPTED),
    log:
        paths.log("accept"),
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    script:
        "../../scripts/accept.py"


if RUN.labelled:

    rule metrics:
        input:
            rules.summary.output,
            paths.LISTENING if RUN.asked else [],
            paths.SOURCES if RUN.parted else [],
            paths.SLICES if RUN.slices else [],
            rules.released.input,
