"""Slices: the figures of each row on items of one kind.

in   results/scores/*.csv, results/status/*.csv, results/plan/; with slices: all, frames and signed flow
out  results/conditions/{shard}.csv, results/metrics/slices.csv
"""


rule conditions:
    input:
        frames=paths.frames(),
        flow=paths.flow(RUN.config.flow.estimator, "signed"),
    output:
        conditions=paths.conditions(),
    log:
        paths.log("conditions", "{shard}"),
    priority: 15
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    params:
        depends=depends.conditions(RUN) if RUN.measures else {},
    script:
        "../../scripts/conditions.py"


rule slices:
    input:
        plan=paths.PLAN,
        scores=expand(paths.scores(), shard=RUN.shards),
        statuses=expand(paths.status(), shard=RUN.shards),
        annotations=expand(paths.annotations(), shard=RUN.shards),
        conditions=expand(paths.conditions(), shard=RUN.shards) if RUN.measures else [],
    output:
        table=paths.SLICES,
    log:
        paths.log("slices"),
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    params:
        depends=depends.slices(RUN) if RUN.slices else {},
    script:
        "../../scripts/slices.py"
