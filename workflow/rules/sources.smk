"""Sources: what models that tell parts of a frame apart make of items with several sources.

in   results/heatmaps/{protocol}/{model}/*.h5 (their parts), results/status/*.csv, results/plan/
out  results/sources/{protocol}/{model}.csv, results/metrics/sources.csv
"""


rule sources:
    input:
        plan=paths.PLAN,
        clips=expand(paths.shard_list(), shard=RUN.shards),
        maps=expand(paths.heatmaps(), shard=RUN.shards, allow_missing=True),
        statuses=expand(paths.status(), shard=RUN.shards),
        annotations=expand(paths.annotations(), shard=RUN.shards),
    output:
        scores=paths.sources(),
    log:
        paths.log("sources", "{protocol}", "{model}"),
    priority: 40
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    params:
        depends=lambda wildcards: depends.sources(RUN, files.row_of(RUN, wildcards.model, wildcards.protocol)),
    script:
        "../../scripts/sources.py"


rule sources_table:
    input:
        plan=paths.PLAN,
        scores=[paths.sources(row.protocol, row.name) for row in RUN.parted],
    output:
        table=paths.SOURCES,
    log:
        paths.log("sources_table"),
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    params:
        depends=depends.code_digest(depends.SOURCES),
    script:
        "../../scripts/sources_table.py"
