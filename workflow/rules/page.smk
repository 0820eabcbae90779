"""The page on a run: a film of every clip, its maps as small pictures, its values; then one HTML file.

in   results/plan/shards/{shard}.json        the shard's clips, whose videos are read
     results/status/{shard}.csv, results/heatmaps/*/*/{shard}.h5, results/detections/*/{shard}.csv
     results/plan/annotations/{shard}.json, results/scores/{shard}.csv       where the dataset is labelled
out  results/page/{shard}.json               what the list of clips says; a folder a clip is in results/page/{shard}/
     results/index.html
"""


rule page_part:
    input:
        shard=paths.shard_list(),
        status=paths.status(),
        maps=[paths.heatmaps(row.protocol, row.name) for row in RUN.scored_maps()],
        detections=[paths.detections(protocol) for protocol in RUN.protocols] if RUN.detects else [],
        annotations=paths.annotations() if RUN.labelled else [],
        scores=paths.scores() if RUN.labelled else [],
    output:
        part=paths.page(),
    log:
        paths.log("page_part", "{shard}"),
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    params:
        depends=lambda wildcards: depends.page(RUN, wildcards.shard),
    script:
        "../../scripts/page_part.py"


rule page_index:
    input:
        plan=paths.PLAN,
        clips=paths.CLIPS,
        parts=expand(paths.page(), shard=RUN.shards),
    output:
        index=paths.INDEX,
    log:
        paths.log("page_index"),
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    params:
        depends=depends.index(RUN),
    script:
        "../../scripts/page_index.py"


rule page:
    input:
        paths.INDEX,
