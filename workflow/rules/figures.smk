"""Figures: what the report of a run shows (snakemake --report report.html all).

in   results/metrics/*.csv, results/clips.csv, results/plan/clips.csv, results/logs/
     of the gallery what sheets are made from (pictures.smk), of all shards
out  results/figures/tables.html, results/figures/costs.png
     results/figures/{protocol}/success.png, results/figures/{protocol}/slices/*.png
     results/figures/{protocol}/gallery/*.jpg
"""


rule success:
    input:
        frames=paths.FRAMES_TABLE,
        plan=paths.PLAN,
    output:
        figure=report(
            paths.success(),
            caption="../report/success.rst",
            category="Success curves",
            labels={"protocol": "{protocol}"},
        ),
    log:
        paths.log("success", "{protocol}"),
    localrule: True
    conda:
        "../../envs/torch.yaml"
    threads: 1
    params:
        depends=depends.figures(RUN),
    script:
        "../../scripts/success.py"


rule slice_figures:
    input:
        slices=paths.SLICES,
    output:
        folder=report(
            directory(paths.slice_figures()),
            patterns=["{slice}.png"],
            caption="../report/slices.rst",
            category="Where rows are good",
            labels={"protocol": "{protocol}", "by": "{slice}"},
        ),
    log:
        paths.log("slice_figures", "{protocol}"),
    localrule: True
    conda:
        "../../envs/torch.yaml"
    threads: 1
    params:
        depends=depends.figures(RUN),
    script:
        "../../scripts/slice_figures.py"


rule gallery:
    input:
        lists=expand(paths.shard_list(), shard=RUN.shards),
        statuses=expand(paths.status(), shard=RUN.shards),
        maps=lambda wildcards: [
            paths.heatmaps(row.protocol, row.name, shard)
            for row in RUN.scored_maps(wildcards.protocol)
            for shard in RUN.shards
        ],
        detections=expand(paths.detections(), shard=RUN.shards, allow_missing=True) if RUN.detects else [],
        annotations=expand(paths.annotations(), shard=RUN.shards) if RUN.labelled else [],
        scores=expand(paths.scores(), shard=RUN.shards) if RUN.labelled else [],
        flow=[] if RUN.labelled else [path for shard in RUN.shards for path in files.any_flow(RUN, shard)],
    output:
        folder=report(
            directory(paths.gallery()),
            patterns=["{row}.jpg"],
            caption="../report/gallery.rst",
            category="Worst and best frames",
            labels={"protocol": "{protocol}", "row": "{row}"},
        ),
    log:
        paths.log("gallery", "{protocol}"),
    localrule: True
    conda:
        "../../envs/arrays.yaml"
    threads: 1
    params:
        depends=lambda wildcards: depends.gallery(RUN, wildcards.protocol),
    script:
        "../../scripts/gallery.py"


rule tables_page:
    input:
        summary=paths.SUMMARY if RUN.labelled else [],
        listening=paths.LISTENING if RUN.asked else [],
        sources=paths.SOURCES if RUN.parted else [],
        clips=paths.CLIPS,
    output:
        page=report(
            paths.TABLES_PAGE,
            caption="../report/tables.rst",
            category="Tables",
            labels={"of": "rows, controls, clips"},
        ),
    log:
        paths.log("tables_page"),
    localrule: True
    conda:
        "../../envs/torch.yaml"
    threads: 1
    params:
        depends=depends.figures(RUN),
    script:
        "../../scripts/tables_page.py"


rule costs:
    input:
        clips=paths.CLIPS,
        # after all that costs anything
        everything=[rules.maps.input, rules.detections.input, rules.summary.output if RUN.labelled else []],
    output:
        figure=report(
            paths.COSTS,
            caption="../report/costs.rst",
            category="Time and disk",
            labels={"of": "stages and folders"},
        ),
    log:
        paths.log("costs"),
    localrule: True
    conda:
        "../../envs/torch.yaml"
    threads: 1
    params:
        depends=depends.code_digest(depends.FIGURES),
    script:
        "../../scripts/costs.py"


FIGURES = files.figures(RUN)
if any(word.split("=")[0] == "--report" for word in sys.argv) and "--report-after-run" not in sys.argv:
    # the engine would stop at the first that is not there
    for path in FIGURES:
        if not Path(path).exists():
            print(f"not in the report: {path} is not there yet; make the target figures first", file=sys.stderr)
    FIGURES = [path for path in FIGURES if Path(path).exists()]


rule figures:
    input:
        FIGURES,
