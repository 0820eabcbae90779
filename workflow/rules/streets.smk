"""Streets: with format: streets, the run renders its own videos.

in   results/plan/shards/{shard}.json                    the clips of the labelled part
     results/training/plan/shards/{shard}.json           the clips of the unlabelled part
out  results/streets/{part}/{shard}.rendered             a mark; the videos lie beside it in video/
     results/streets/labelled/annotations/*.csv          as in Urbansas
"""


rule render:
    input:
        shard=lambda wildcards: files.clips_of(RUN, wildcards.part, wildcards.shard),
    output:
        mark=paths.rendered(),
    log:
        paths.log("render", "{part}", "{shard}"),
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    script:
        "../../scripts/render.py"


rule street_annotations:
    input:
        plan=paths.PLAN,
    output:
        expand(f"{paths.STREETS}/labelled/annotations/{{kind}}_annotations.csv", kind=["audio", "video"]),
    log:
        paths.log("street_annotations"),
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    params:
        depends=lambda wildcards: depends.streets(RUN),
    script:
        "../../scripts/street_annotations.py"
