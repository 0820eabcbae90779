"""Scores: every metric of every scored item of a shard, long.

in   results/heatmaps/*/*/{shard}.h5, results/detections/*/{shard}.csv, results/plan/annotations/{shard}.json
out  results/scores/{shard}.csv
"""


rule score:
    input:
        status=paths.status(),
        annotations=paths.annotations(),
        maps=[paths.heatmaps(row.protocol, row.name) for row in RUN.scored_maps()],
        detections=[paths.detections(protocol) for protocol in RUN.protocols] if RUN.detects else [],
    output:
        scores=paths.scores(),
    log:
        paths.log("score", "{shard}"),
    priority: 40
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    params:
        depends=depends.score(RUN),
    script:
        "../../scripts/score.py"
