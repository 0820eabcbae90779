"""Heatmaps: one model and one shard; of networks one protocol, too.

in   what the model declares that it needs: frames, flow, another model's maps
out  results/heatmaps/{protocol}/{model}/{shard}.h5      maps (T, 224, 224) float16
"""


rule heatmaps:
    input:
        unpack(
            lambda wildcards: files.heatmaps(
                RUN, files.row_of(RUN, wildcards.model, wildcards.protocol), wildcards.shard
            )
        ),
    output:
        maps=paths.heatmaps(),
    log:
        paths.log("heatmaps", "{protocol}", "{model}", "{shard}"),
    wildcard_constraints:
        model="|".join(
            name
            for name in RUN.map_models
            if name not in RUN.together and name not in [row.name for row in RUN.kept_apart]
        )
        or "none",
    priority: 20
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=RUN.map_gpus,
    params:
        depends=lambda wildcards: depends.heatmaps(RUN, files.row_of(RUN, wildcards.model, wildcards.protocol)),
    script:
        "../../scripts/heatmaps.py"


# the same, and what was seen and heard is kept, so that it can be asked under another sound
use rule heatmaps as heatmaps_apart with:
    output:
        maps=paths.heatmaps(),
        apart=paths.apart(),
    log:
        paths.log("heatmaps_apart", "{protocol}", "{model}", "{shard}"),
    wildcard_constraints:
        model="|".join(dict.fromkeys(row.name for row in RUN.kept_apart)) or "none",


# without a network: seconds a shard, so that a job for each protocol would mostly start and end
rule arithmetic:
    input:
        lambda wildcards: files.together(RUN, wildcards.model, wildcards.shard),
    output:
        expand(paths.heatmaps("{protocol}", "{{model}}", "{{shard}}"), protocol=RUN.protocols),
    log:
        paths.log("arithmetic", "{model}", "{shard}"),
    wildcard_constraints:
        model="|".join(RUN.together) or "none",
    priority: 20
    conda:
        "../../envs/torch.yaml"
    threads: 1
    params:
        depends=lambda wildcards: [
            depends.heatmaps(RUN, files.row_of(RUN, wildcards.model, protocol)) for protocol in RUN.protocols
        ],
    script:
        "../../scripts/arithmetic.py"


rule maps:
    input:
        files.all_maps(RUN),
