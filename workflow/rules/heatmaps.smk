"""Heatmaps: one model and one shard; of networks one protocol, too.

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


# without a network: seconds a shard, so that a job for each protocol would mostly start and end
rule arithmetic:
    input:
        lambda wildcards: RUN.arithmetic_inputs(wildcards.model, wildcards.shard),
    output:
        expand("results/heatmaps/{protocol}/{{model}}/{{shard}}.h5", protocol=RUN.protocols),
    log:
        "results/logs/arithmetic/{model}/{shard}.log",
    wildcard_constraints:
        model="|".join(name for name in RUN.map_models if name not in RUN.networks) or "none",
    priority: 20
    conda:
        "../../envs/torch.yaml"
    threads: 1
    params:
        depends=lambda wildcards: [RUN.heatmap_params(wildcards.model, protocol) for protocol in RUN.protocols],
    script:
        "../../scripts/arithmetic.py"


rule maps:
    input:
        expand(
            "results/heatmaps/{protocol}/{model}/{shard}.h5",
            protocol=RUN.protocols,
            model=RUN.map_models,
            shard=RUN.shards,
        ),
