"""Background: how far every frame differs from what its place looks like most of the time.

in   results/frames/{shard}.h5, results/flow/{estimator}/signed/{shard}.h5
out  results/background/{estimator}/{shard}.h5      difference (T, 224, 224) uint8, grey levels
"""


rule background:
    input:
        frames=paths.frames(),
        flow=paths.flow("{estimator}", "signed", "{shard}"),
    output:
        background=paths.background(),
    log:
        paths.log("background", "{estimator}", "{shard}"),
    priority: 15
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    params:
        depends=depends.background(RUN) if RUN.compares else {},
    script:
        "../../scripts/background.py"
