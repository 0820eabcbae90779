"""Detection: vehicles on every frame, then the stationary filter.

in   results/frames/{shard}.h5
out  results/boxes/{storage}/{shard}.csv                 every box, on exact or JPEG frames
     results/detections/{protocol}/{shard}.csv           the same with the column moving
"""


rule detect:
    input:
        frames="results/frames/{shard}.h5",
        weights=RUN.trained_detector,
    output:
        boxes="results/boxes/{storage}/{shard}.csv",
    log:
        "results/logs/detect/{storage}/{shard}.log",
    priority: 10
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=RUN.gpus,
    params:
        depends=RUN.detect_params(),
    script:
        "../../scripts/detect.py"


rule stationary:
    input:
        boxes=lambda wildcards: RUN.boxes_file(wildcards.protocol, wildcards.shard),
        annotations=[] if RUN.config.frames == "all" else "results/plan/annotations/{shard}.json",
    output:
        detections="results/detections/{protocol}/{shard}.csv",
    log:
        "results/logs/stationary/{protocol}/{shard}.log",
    priority: 30
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    params:
        depends=lambda wildcards: RUN.stationary_params(wildcards.protocol),
    script:
        "../../scripts/stationary.py"


rule detections:
    input:
        expand(
            "results/detections/{protocol}/{shard}.csv",
            protocol=RUN.protocols,
            shard=RUN.shards,
        )
        if RUN.detects
        else [],
