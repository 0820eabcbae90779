"""Pictures: what every model makes of a frame of a few clips, side by side.

in   results/plan/shards/{shard}.json        the shard's clips, whose videos are read up to the frame that is shown
     results/status/{shard}.csv, results/heatmaps/{protocol}/*/{shard}.h5, results/detections/{protocol}/{shard}.csv
     results/plan/annotations/{shard}.json, results/scores/{shard}.csv       where the dataset is labelled
out  results/pictures/{protocol}/{shard}.png

The frames artifact is no input: its release must not wait for this.
"""


rule sheet:
    input:
        shard="results/plan/shards/{shard}.json",
        status="results/status/{shard}.csv",
        maps=expand("results/heatmaps/{{protocol}}/{model}/{{shard}}.h5", model=RUN.scored_map_models),
        detections="results/detections/{protocol}/{shard}.csv" if RUN.detects else [],
        annotations="results/plan/annotations/{shard}.json" if RUN.labelled else [],
        scores="results/scores/{shard}.csv" if RUN.labelled else [],
    output:
        sheet="results/pictures/{protocol}/{shard}.png",
    log:
        "results/logs/sheet/{protocol}/{shard}.log",
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    params:
        depends=lambda wildcards: RUN.picture_params(wildcards.protocol, wildcards.shard),
    script:
        "../../scripts/pictures.py"


rule pictures:
    input:
        (
            expand("results/pictures/{protocol}/{shard}.png", protocol=RUN.protocols, shard=RUN.shards)
            if RUN.config.pictures
            else []
        ),
