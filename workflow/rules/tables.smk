"""Tables: what a person reads.

in   results/scores/*.csv, results/status/*.csv, results/plan/
out  results/metrics/frames.csv, results/metrics/summary.csv, results/clips.csv
"""


rule summary:
    input:
        plan="results/plan/clips.csv",
        scores=expand("results/scores/{shard}.csv", shard=RUN.shards),
    output:
        frames="results/metrics/frames.csv",
        summary="results/metrics/summary.csv",
    log:
        "results/logs/summary.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    params:
        depends=RUN.summary_params(),
    script:
        "../../scripts/summary.py"


rule clips:
    input:
        plan="results/plan/clips.csv",
        statuses=expand("results/status/{shard}.csv", shard=RUN.shards),
        annotations=expand("results/plan/annotations/{shard}.json", shard=RUN.shards),
    output:
        clips="results/clips.csv",
    log:
        "results/logs/clips.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    params:
        depends=RUN.clips_params(),
    script:
        "../../scripts/clips.py"


rule accept:
    input:
        clips="results/clips.csv",
        everything=[rules.maps.input, rules.detections.input, rules.summary.output if RUN.labelled else []],
    output:
        mark=touch("results/.accepted"),
    log:
        "results/logs/accept.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    script:
        "../../scripts/accept.py"


if RUN.labelled:

    rule metrics:
        input:
            rules.summary.output,
            rules.released.input,
