"""Decode: the clips of a shard become lossless 8 fps frames and mono audio.

in   results/plan/shards/{shard}.json        the shard's clips, with the SHA-256 of their files
out  results/frames/{shard}.h5               once everything that reads it is there, release makes it a stub; one from
                                            the start where frames_on_disk shards wait for their readers
     results/status/{shard}.csv              what became of each clip, and why

flowgrad.frame_cache says why the frames are not temp().
"""


rule decode:
    input:
        shard=paths.shard_list(),
        rendered=lambda wildcards: files.rendered(RUN, "labelled", wildcards.shard),
        annotations=[] if RUN.config.frames == "all" else paths.annotations(),
    output:
        frames=paths.frames(),
        status=paths.status(),
    log:
        paths.log("decode", "{shard}"),
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    params:
        depends=depends.decode(RUN),
    script:
        "../../scripts/decode.py"


rule release:
    input:
        frames=ancient(paths.frames()),
        readers=lambda wildcards: files.frame_readers(RUN, wildcards.shard),
    output:
        mark=paths.released(),
    log:
        paths.log("release", "{shard}"),
    priority: 100
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    script:
        "../../scripts/release.py"


rule released:
    input:
        expand(paths.released(), shard=RUN.shards),
