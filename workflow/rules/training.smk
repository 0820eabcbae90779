"""Training: networks from unlabelled videos, and a detector for rendered streets.

in   results/training/plan/shards/{shard}.json           the clips to learn from
out  results/training/samples/{sample}/{shard}.h5        frames, flow and audio, ready to be picked at random
     results/training/{method}/clips.csv                 which clips were used, which were left out, and why
     results/training/{method}/{method}.ckpt             the checkpoint, in the published layout
     results/training/{method}/log.csv, loss.png         how it went
     results/training/detector/detector.pt               with detector: {weights: trained}

A training that was killed goes on from its last epoch: its state lies in results/training/{method}/state until it ends.
"""


rule samples:
    input:
        shard=paths.training_shard(),
        rendered=lambda wildcards: files.rendered(RUN, "unlabelled", wildcards.shard),
    output:
        samples=paths.samples(),
        status=paths.samples_status(),
    log:
        paths.log("samples", "{sample}", "{shard}"),
    priority: 50
    conda:
        "../../envs/torch.yaml" if RUN.findings.flow else "../../envs/arrays.yaml"
    threads: 1
    params:
        depends=lambda wildcards: depends.samples(RUN),
    script:
        "../../scripts/samples.py"


rule training_clips:
    input:
        statuses=lambda wildcards: RUN.training.statuses(wildcards.method),
        clips=paths.TRAINING_PLAN,
    output:
        clips=paths.training_clips(),
    log:
        paths.log("training_clips", "{method}"),
    priority: 50
    localrule: True
    conda:
        "../../envs/torch.yaml"
    script:
        "../../scripts/training_clips.py"


rule fit:
    input:
        samples=lambda wildcards: or_give_up(partial(RUN.training.samples, wildcards.method)),
        clips=paths.training_clips(),
        start=lambda wildcards: RUN.training.start_input(wildcards.method),
    output:
        checkpoint=paths.checkpoint(),
        log=paths.training_log(),
        curves=paths.training_curves(),
    log:
        paths.log("fit", "{method}"),
    priority: 60
    conda:
        "../../envs/torch.yaml"
    threads: RUN.config.training.threads
    resources:
        gpu=RUN.training_gpus,
        mem_mb=lambda wildcards, attempt: RUN.training.memory_mb(wildcards.method) * attempt,
    params:
        depends=lambda wildcards: RUN.training.train_params(wildcards.method),
    script:
        "../../scripts/fit.py"


rule fit_detector:
    input:
        rendered=lambda wildcards: or_give_up(RUN.training.rendered_shards),
    output:
        weights=paths.TRAINED_DETECTOR,
        log=paths.DETECTOR_LOG,
    log:
        paths.log("fit_detector"),
    priority: 60
    conda:
        "../../envs/torch.yaml"
    threads: RUN.config.training.threads
    resources:
        gpu=RUN.gpus,
    params:
        depends=RUN.training.detector_params(),
    script:
        "../../scripts/fit_detector.py"


rule train:
    input:
        lambda wildcards: RUN.training.checkpoints(),
        RUN.trained_detector,
