"""Streets: with format: streets, the run renders its own videos.

in   results/plan/shards/{shard}.json                    the clips of the labelled part
     results/training/plan/shards/{shard}.json           the clips of the unlabelled part
out  results/streets/{part}/{shard}.rendered             a mark; the videos lie beside it in video/
     results/streets/labelled/annotations/*.csv          as in Urbansas
"""


rule render:
    input:
        shard=lambda wildcards: RUN.shard_of(wildcards.part, wildcards.shard),
    output:
        mark="results/streets/{part}/{shard}.rendered",
    log:
        "results/logs/render/{part}/{shard}.log",
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    script:
        "../../scripts/render.py"


rule street_annotations:
    input:
        plan="results/plan/clips.csv",
    output:
        expand("results/streets/labelled/annotations/{kind}_annotations.csv", kind=["audio", "video"]),
    log:
        "results/logs/street_annotations.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    params:
        depends=RUN.street_params(),
    script:
        "../../scripts/street_annotations.py"
