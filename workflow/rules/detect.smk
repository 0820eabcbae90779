"""Detection: vehicles on every frame, then the stationary filter.

in   results/frames/{shard}.h5
out  results/boxes/{storage}/{shard}.csv                 every box, on exact or JPEG frames
     results/detections/{protocol}/{shard}.csv           the same with the column moving
"""


rule detect:
    input:
        frames=paths.frames(),
        weights=RUN.trained_detector,
    output:
        boxes=paths.boxes(),
    log:
        paths.log("detect", "{storage}", "{shard}"),
    priority: 10
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=RUN.detector_gpus,
    params:
        depends=depends.detect(RUN),
    script:
        "../../scripts/detect.py"


rule stationary:
    input:
        boxes=lambda wildcards: files.boxes(RUN, wildcards.protocol, wildcards.shard),
        annotations=[] if RUN.config.frames == "all" else paths.annotations(),
    output:
        detections=paths.detections(),
    log:
        paths.log("stationary", "{protocol}", "{shard}"),
    priority: 30
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    params:
        depends=lambda wildcards: depends.stationary(RUN, wildcards.protocol),
    script:
        "../../scripts/stationary.py"


rule detections:
    input:
        expand(paths.detections(), protocol=RUN.protocols, shard=RUN.shards) if RUN.detects else [],
