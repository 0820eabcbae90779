"""Overlays: what a run found in a clip, as a video; of as many clips as ``overlays`` says.

in   results/plan/shards/{shard}.json                    the shard's clips, whose videos are read
     results/heatmaps/{protocol}/*/{shard}.h5, results/detections/{protocol}/{shard}.csv
out  results/overlays/{protocol}/{shard}.written         a mark; the videos lie beside it, as CLIP.mp4

The frames artifact is no input: its release must not wait for this.
"""


rule overlay:
    input:
        shard=paths.shard_list(),
        maps=lambda wildcards: [
            paths.heatmaps(row.protocol, row.name, wildcards.shard) for row in RUN.scored_maps(wildcards.protocol)
        ],
        detections=paths.detections() if RUN.detects else [],
    output:
        mark=paths.overlays(),
    log:
        paths.log("overlay", "{protocol}", "{shard}"),
    conda:
        "../../envs/arrays.yaml"
    threads: 2
    params:
        depends=lambda wildcards: depends.overlays(RUN, wildcards.protocol, wildcards.shard),
    script:
        "../../scripts/overlays.py"


rule overlays:
    input:
        (
            expand(paths.overlays(), protocol=RUN.protocols, shard=RUN.overlaid)
            if RUN.overlaid
            else lambda wildcards: give_up(
                "overlays: the configuration asks for none; set overlays: 4, or all", MISTAKE
            )
        ),
