"""Flow: dense Farneback from every frame to the next.

in   results/frames/{shard}.h5
out  results/flow/{shard}.h5                 magnitude at 224x224, float16, native pixels per 1/8 s
"""


rule flow:
    input:
        frames="results/frames/{shard}.h5",
    output:
        flow="results/flow/{shard}.h5",
    log:
        "results/logs/flow/{shard}.log",
    priority: 10
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    params:
        depends=RUN.flow_params(),
    script:
        "../../scripts/flow.py"
