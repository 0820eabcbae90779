"""Pictures: what every model makes of a frame of a few clips, side by side.

in   results/plan/shards/{shard}.json        the shard's clips, whose videos are read up to the frame that is shown
     results/status/{shard}.csv, results/heatmaps/{protocol}/*/{shard}.h5, results/detections/{protocol}/{shard}.csv
     results/plan/annotations/{shard}.json, results/scores/{shard}.csv       where the dataset is labelled
     results/flow/{estimator}/{kind}/{shard}.h5                              where it is not, and the run has flow
out  results/pictures/{protocol}/{shard}.png

The frames artifact is no input: its release must not wait for this.
"""


rule sheet:
    input:
        shard=paths.shard_list(),
        status=paths.status(),
        maps=lambda wildcards: [
            paths.heatmaps(row.protocol, row.name, wildcards.shard) for row in RUN.scored_maps(wildcards.protocol)
        ],
        detections=paths.detections() if RUN.detects else [],
        annotations=paths.annotations() if RUN.labelled else [],
        scores=paths.scores() if RUN.labelled else [],
        # says which frame is worth a look; it stays, unlike the frames
        flow=lambda wildcards: files.any_flow(RUN, wildcards.shard) if not RUN.labelled else [],
    output:
        sheet=paths.sheet(),
    log:
        paths.log("sheet", "{protocol}", "{shard}"),
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    params:
        depends=lambda wildcards: depends.sheet(RUN, wildcards.protocol, wildcards.shard),
    script:
        "../../scripts/pictures.py"


rule pictures:
    input:
        (expand(paths.sheet(), protocol=RUN.protocols, shard=RUN.shards) if RUN.config.pictures else []),
