"""Decode: the videos of a shard become lossless 8 fps frames and mono sound.

in   results/plan/shards/{shard}.json        the shard's clips, with the SHA-256 of their files
out  results/frames/{shard}.h5               temporary: once everything that reads it is there, release makes it a stub;
                                            one from the start where frames_on_disk shards wait for their readers
     results/status/{shard}.csv              what became of each clip, and why

frames.release() says why the frames are not temp().
"""


rule decode:
    input:
        shard="results/plan/shards/{shard}.json",
        rendered=lambda wildcards: RUN.rendered("labelled", wildcards.shard),
        annotations=[] if RUN.config.frames == "all" else "results/plan/annotations/{shard}.json",
    output:
        frames="results/frames/{shard}.h5",
        status="results/status/{shard}.csv",
    log:
        "results/logs/decode/{shard}.log",
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    params:
        depends=RUN.decode_params(),
    script:
        "../../scripts/decode.py"


rule release:
    input:
        frames=ancient("results/frames/{shard}.h5"),
        readers=lambda wildcards: RUN.frame_readers(wildcards.shard),
    output:
        mark="results/frames/{shard}.released",
    log:
        "results/logs/release/{shard}.log",
    priority: 100
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    script:
        "../../scripts/release.py"


rule released:
    input:
        expand("results/frames/{shard}.released", shard=RUN.shards),
