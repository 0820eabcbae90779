"""Training: RCGrad, FlowGrad-IC and FlowGrad-EN from unlabelled videos, and a detector for rendered streets.

in   results/training/plan/shards/{shard}.json           the clips to learn from
out  results/training/samples/{shard}.h5                 pictures, flow and sound, ready to be picked at random
     results/training/clips.csv                          which clips were used, which were left out, and why
     results/training/{method}/{method}.ckpt             the checkpoint, in the published layout
     results/training/{method}/log.csv, loss.png         how it went
     results/training/detector/detector.pt               with detector: {weights: trained}

A training that was killed goes on from its last epoch: its state lies in results/training/{method}/state until it ends.
"""


rule samples:
    input:
        shard="results/training/plan/shards/{shard}.json",
        rendered=lambda wildcards: files.rendered(RUN, "unlabelled", wildcards.shard),
    output:
        samples="results/training/samples/{shard}.h5",
        status="results/training/status/{shard}.csv",
    log:
        "results/logs/samples/{shard}.log",
    priority: 50
    conda:
        "../../envs/torch.yaml" if RUN.findings.flow else "../../envs/arrays.yaml"
    threads: 1
    params:
        depends=depends.samples(RUN),
    script:
        "../../scripts/samples.py"


rule training_clips:
    input:
        statuses=lambda wildcards: RUN.training.statuses(),
        clips="results/training/plan/clips.json",
    output:
        clips="results/training/clips.csv",
    log:
        "results/logs/training_clips.log",
    priority: 50
    localrule: True
    conda:
        "../../envs/torch.yaml"
    script:
        "../../scripts/training_clips.py"


rule fit:
    input:
        samples=lambda wildcards: or_give_up(RUN.training.samples),
        clips="results/training/clips.csv",
        start=lambda wildcards: RUN.training.start_input(wildcards.method),
    output:
        checkpoint="results/training/{method}/{method}.ckpt",
        log="results/training/{method}/log.csv",
        curves="results/training/{method}/loss.png",
    log:
        "results/logs/fit/{method}.log",
    priority: 60
    conda:
        "../../envs/torch.yaml"
    threads: RUN.config.training.threads
    resources:
        gpu=RUN.training_gpus,
        mem_mb=lambda wildcards, attempt: RUN.training.memory_mb * attempt,
    params:
        depends=lambda wildcards: RUN.training.train_params(wildcards.method),
    script:
        "../../scripts/fit.py"


rule fit_detector:
    input:
        rendered=lambda wildcards: or_give_up(RUN.training.rendered_shards),
    output:
        weights="results/training/detector/detector.pt",
        log="results/training/detector/log.csv",
    log:
        "results/logs/fit_detector.log",
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
