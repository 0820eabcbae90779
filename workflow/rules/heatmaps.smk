"""Heatmaps: one model, one protocol, one shard. Networks; and, as a rule of its own, what is arithmetic on other files.

in   what the model's registry line says it needs: frames, flow, another model's maps
out  results/heatmaps/{protocol}/{model}/{shard}.h5      maps (T, 224, 224) float16
"""


rule heatmaps:
    input:
        unpack(lambda wildcards: RUN.heatmap_inputs(wildcards.model, wildcards.protocol, wildcards.shard)),
    output:
        maps="results/heatmaps/{protocol}/{model}/{shard}.h5",
    log:
        "results/logs/heatmaps/{protocol}/{model}/{shard}.log",
    wildcard_constraints:
        model="|".join(RUN.networks) or "none",
    priority: 20
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=RUN.gpus,
    params:
        depends=lambda wildcards: RUN.heatmap_params(wildcards.model, wildcards.protocol),
    script:
        "../../scripts/heatmaps.py"


# seconds a shard, and no GPU: a cluster's profile asks for other things
use rule heatmaps as arithmetic with:
    wildcard_constraints:
        model="|".join(model for model in RUN.map_models if model not in RUN.networks) or "none",
    resources:
        gpu=0,


rule maps:
    input:
        expand(
            "results/heatmaps/{protocol}/{model}/{shard}.h5",
            protocol=RUN.protocols,
            model=RUN.map_models,
            shard=RUN.shards,
        ),
