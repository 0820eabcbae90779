"""Scores: the cIoU of every scored frame of a shard.

in   results/heatmaps/*/*/{shard}.h5, results/detections/*/{shard}.csv, results/plan/annotations/{shard}.json
out  results/scores/{shard}.csv
"""


rule score:
    input:
        status="results/status/{shard}.csv",
        annotations="results/plan/annotations/{shard}.json",
        maps=expand(
            "results/heatmaps/{protocol}/{model}/{{shard}}.h5",
            protocol=RUN.protocols,
            model=RUN.scored_map_models,
        ),
        detections=expand("results/detections/{protocol}/{{shard}}.csv", protocol=RUN.protocols) if RUN.detects else [],
    output:
        scores="results/scores/{shard}.csv",
    log:
        "results/logs/score/{shard}.log",
    priority: 40
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    params:
        depends=RUN.score_params(),
    script:
        "../../scripts/score.py"
