"""Listening: what models show under the mean of all sounds, and under a foreign one.

in   results/apart/{protocol}/{model}/*.h5, of the model that is asked; what is made from its maps reads flow, too;
     results/status/*.csv, results/plan/
out  results/listening/{protocol}/{model}.csv, results/metrics/listening.csv
"""


rule listening:
    input:
        unpack(lambda wildcards: files.listening(RUN, files.row_of(RUN, wildcards.model, wildcards.protocol))),
        plan=paths.PLAN,
        statuses=expand(paths.status(), shard=RUN.shards),
        annotations=expand(paths.annotations(), shard=RUN.shards),
    output:
        scores=paths.listening(),
    log:
        paths.log("listening", "{protocol}", "{model}"),
    priority: 40
    conda:
        "../../envs/torch.yaml"
    threads: 1
    params:
        depends=lambda wildcards: depends.listening(RUN, files.row_of(RUN, wildcards.model, wildcards.protocol)),
    script:
        "../../scripts/listening.py"


rule listening_table:
    input:
        plan=paths.PLAN,
        scores=[paths.listening(row.protocol, row.name) for row in RUN.asked],
    output:
        table=paths.LISTENING,
    log:
        paths.log("listening_table"),
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    params:
        depends=depends.code_digest(depends.LISTENING),
    script:
        "../../scripts/listening_table.py"
