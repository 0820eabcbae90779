"""Flow: optical flow from every frame to the next, by the estimator of the configuration.

in   results/frames/{shard}.h5, results/plan/shards/{shard}.json
out  results/flow/{estimator}/{kind}/{shard}.h5        kind magnitude (224x224) or signed (2x224x224), native pixels per 1/8 s
"""


rule flow:
    input:
        frames=paths.frames(),
        # a still's published flow lies with its dataset
        shard=ancient(paths.shard_list()),
    output:
        flow=paths.flow(),
    log:
        paths.log("flow", "{estimator}", "{kind}", "{shard}"),
    priority: 10
    conda:
        "../../envs/torch.yaml" if RUN.findings.flow else "../../envs/arrays.yaml"
    threads: 1
    params:
        depends=depends.flow(RUN) if RUN.flow_kinds else {},
    script:
        "../../scripts/flow.py"
