"""Heatmaps: one model, one protocol, one shard.

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
    priority: 20
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=lambda wildcards: RUN.heatmap_gpus(wildcards.model),
    params:
        depends=lambda wildcards: RUN.heatmap_params(wildcards.model, wildcards.protocol),
    script:
        "../../scripts/heatmaps.py"


rule maps:
    input:
        expand(
            "results/heatmaps/{protocol}/{model}/{shard}.h5",
            protocol=RUN.protocols,
            model=RUN.map_models,
            shard=RUN.shards,
        ),
