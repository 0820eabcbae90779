"""What the results of each rule depend on besides its input files: given to the engine as parameters.

Each function names the code and the parts of the protocol that its stage reads, by value. A field that is not here
cannot redo the stage.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from flowgrad.code import module_of, named
from flowgrad.config import TRAINED
from flowgrad.flow.registry import ESTIMATORS
from flowgrad.models.registry import CONTROLS
from flowgrad.models.rows import Row
from flowgrad.page.writing import look
from flowgrad.provenance import code_digest
from flowgrad.shard import file_sha256
from flowgrad.workflow.run import Run

DECODING = ("flowgrad.stages.decode", "flowgrad.decoding")
FLOW = "flowgrad.stages.flow"
BACKGROUND = "flowgrad.stages.background"
HEATMAPS = "flowgrad.stages.heatmaps"
DETECT = ("flowgrad.stages.detect", "flowgrad.detection.yolo")
SCORE = "flowgrad.stages.score"
LISTENING = "flowgrad.stages.listening"
SHEETS = "flowgrad.stages.pictures"
PAGE = "flowgrad.stages.page"
OVERLAYS = "flowgrad.stages.overlays"
TABLES = "flowgrad.stages.tables"
CONDITIONS = "flowgrad.stages.conditions"
SLICES = "flowgrad.stages.slices"
SAMPLES = "flowgrad.stages.samples"
SOURCES = "flowgrad.stages.sources"
FIGURES = "flowgrad.stages.figures"
GALLERY = "flowgrad.stages.gallery"


def decode(run: Run) -> dict[str, Any]:
    """Return what decoding depends on."""
    # not the sample rates: a protocol that is added later decodes for itself what it lacks
    return {"code": code_digest(*DECODING)} | selection(run)


def selection(run: Run) -> dict[str, Any]:
    """Return what the choice of frames depends on: nothing while all are computed."""
    if run.config.frames == "all":
        return {"frames": "all"}
    fields = [
        rules.ground_truth.model_dump() | rules.stationary.model_dump(exclude={"stationary_iou"})
        for rules in run.protocols.values()
    ]
    return {"frames": sorted({tuple(sorted(some.items())) for some in fields}), "reach": run.reach}


def estimator(run: Run) -> dict[str, Any]:
    """Return what the flow of a pair depends on."""
    known = ESTIMATORS[run.config.flow.estimator]
    # absent where no row needs flow
    weights = {"weights": run.weights_sha256.get("flow", "")} if known.file else {}
    return {"estimator": [known.name, named(known.load), code_digest(known.module)]} | weights


def flow(run: Run) -> dict[str, Any]:
    """Return what flow depends on."""
    return {"code": code_digest(FLOW, *DECODING)} | estimator(run) | selection(run)


def background(run: Run) -> dict[str, Any]:
    """Return what the difference to the background depends on."""
    return {"code": code_digest(BACKGROUND, *DECODING), "flow": flow(run)} | selection(run)


def heatmaps(run: Run, row: Row) -> dict[str, Any]:
    """Return what the maps of a row depend on; the engine asks for every shard."""
    if ("heatmaps", row.name, row.protocol) not in run.noted:
        run.noted["heatmaps", row.name, row.protocol] = _heatmaps(run, row)
    return run.noted["heatmaps", row.name, row.protocol]


def _heatmaps(run: Run, row: Row) -> dict[str, Any]:
    model = row.model
    code = [HEATMAPS, *([model.module] if model.module else [])]
    if model.joined is not None:
        code.append(module_of(model.joined))
    if row.needs.decoded:
        code += DECODING
    params: dict[str, Any] = {
        "code": code_digest(*code),
        "load": named(model.load) if model.load is not None else "",
        "preset": model.settings(run.protocols[row.protocol]).model_dump(),
        # by value: what is prepared can change where no setting does
        "needs": asdict(row.needs),
        "selection": selection(run),
    }
    if row.needs.flow is not None:
        params |= {"flow": flow(run)}
    if row.needs.background:
        params |= {"background": background(run)}
    if model.weights is not None:
        params |= {"weights": run.weights_sha256.get(model.weights.key, TRAINED)}
    if model.parts:
        params |= {"parts": True}
    if row.needs.decoded or model.weights is not None:
        # by what it is here: jobs on other machines compute in the same
        params |= {"precision": run.precision}
        if run.precision == "int8":
            from flowgrad.models.calibration import FILE as CALIBRATION

            params |= {"calibration": file_sha256(CALIBRATION)}
    return params


def detect(run: Run) -> dict[str, Any]:
    """Return what detection depends on."""
    made_by = {"code": code_digest(*DETECT, *DECODING), "weights": run.weights_sha256.get("detector", TRAINED)}
    return made_by | run.config.detector.model_dump(exclude={"weights"}) | selection(run)


def stationary(run: Run, protocol: str) -> dict[str, Any]:
    """Return what the stationary filter depends on."""
    return {"code": code_digest(DETECT[0])} | run.protocols[protocol].stationary.model_dump() | selection(run)


def _judged(run: Run, rows: list[Row]) -> dict[str, Any]:
    """Return what turns maps and boxes into masks and truth."""
    names = sorted({row.protocol for row in rows})
    return {
        "rows": [
            (row.name, row.protocol, row.model.boxes or (row.model.load and named(row.model.load)))
            if row.model.gives == "boxes"
            else (row.name, row.protocol)
            for row in rows
        ],
        "protocols": {
            name: run.protocols[name].model_dump(include={"ground_truth", "threshold", "boxes", "stationary"})
            for name in names
        },
        "thresholds": {f"{row.name} {row.protocol}": named(run.threshold(row).mask) for row in rows},
    }


def _judges(run: Run, rows: list[Row]) -> list[str]:
    """Return the modules of the controls, the threshold rules and the metrics, which the stages load by name."""
    controls = [row.model.module for row in rows if row.model.gives == "boxes" and row.model.module]
    rules = [module_of(run.threshold(row).mask) for row in rows if row.model.gives == "maps"]
    return sorted({*controls, *rules})


def score(run: Run) -> dict[str, Any]:
    """Return what scores depend on besides maps and detections."""
    items = {metric.name: metric.item for metric in run.metrics if metric.item is not None}
    metrics = sorted({module_of(item) for item in items.values()})
    return {
        "code": code_digest(SCORE, *_judges(run, run.table), *metrics),
        "metrics": [(name, named(item)) for name, item in items.items()],
        "negatives": sorted(metric.name for metric in run.metrics if metric.negatives),
    } | _judged(run, run.table)


def listening(run: Run, row: Row) -> dict[str, Any]:
    """Return what the scores under other sounds depend on besides what was seen and heard, and what steps read."""
    start, *steps = run.way(row)
    assert start.model.joined is not None
    return {
        "code": code_digest(LISTENING, SCORE, module_of(start.model.joined), *_judges(run, [row])),
        "joined": named(start.model.joined),
        "preset": start.model.settings(run.protocols[start.protocol]).model_dump(),
        "steps": [heatmaps(run, step) for step in steps],
    } | _judged(run, [row])


def sources(run: Run, row: Row) -> dict[str, Any]:
    """Return what the scores of parts depend on besides maps and annotations."""
    rules = run.protocols[row.protocol]
    return {
        "code": code_digest(SOURCES, *_judges(run, [row])),
        "rules": [rules.ground_truth.model_dump(), rules.threshold.model_dump(), rules.boxes.box_raster],
        "threshold": named(run.threshold(row).mask),
    }


def sheet(run: Run, protocol: str, shard: str) -> dict[str, Any]:
    """Return what the sheet of a shard under a protocol depends on besides maps, detections and scores."""
    if ("sheet", protocol) not in run.noted:
        rows = [row for row in run.table if row.protocol == protocol]
        run.noted["sheet", protocol] = {
            "code": code_digest(SHEETS, *_judges(run, rows)),
            "count": run.config.pictures,
        } | _judged(run, rows)
    return run.noted["sheet", protocol] | {"clips": run.clips.get(shard, [])}


def figures(run: Run) -> dict[str, Any]:
    """Return what the figures of a run depend on besides its tables."""
    return {
        "code": code_digest(FIGURES),
        "controls": sorted({row.name for row in run.table} & CONTROLS),
        "rows": [(row.name, row.protocol) for row in run.table],
        "dataset": run.config.dataset.format,
    }


def gallery(run: Run, protocol: str) -> dict[str, Any]:
    """Return what the gallery of a protocol depends on besides maps, detections and scores."""
    rows = [row for row in run.table if row.protocol == protocol]
    return {
        "code": code_digest(GALLERY, *_judges(run, rows)),
        "controls": sorted({row.name for row in rows} & CONTROLS),
        # the report shows the parameters, and there can be ten thousand clips
        "clips": hashlib.sha256(json.dumps(run.clips).encode()).hexdigest()[:16],
    } | _judged(run, rows)


def page(run: Run, shard: str) -> dict[str, Any]:
    """Return what the films, maps and values of a shard depend on besides maps, detections and scores."""
    return _page(run) | {"clips": run.clips.get(shard, [])}


def _page(run: Run) -> dict[str, Any]:
    if ("page",) not in run.noted:
        run.noted[("page",)] = {"code": code_digest(PAGE, *_judges(run, run.table))} | _judged(run, run.table)
    return run.noted[("page",)]


def index(run: Run) -> dict[str, Any]:
    """Return what the page itself depends on besides what is made of each shard."""
    return _page(run) | {"look": look()}


def overlays(run: Run, protocol: str, shard: str) -> dict[str, Any]:
    """Return what the videos of a shard under a protocol depend on besides maps and detections."""
    rows = run.scored_maps(protocol)
    return {
        "code": code_digest(OVERLAYS, *_judges(run, rows)),
        "rules": run.protocols[protocol].threshold.model_dump(),
        "thresholds": {row.name: named(run.threshold(row).mask) for row in rows},
        "clips": run.overlaid.get(shard, []),
    }


def summary(run: Run) -> dict[str, Any]:
    """Return what the summary depends on besides the scores."""
    modules = sorted({module_of(metric.summarise) for metric in run.metrics})
    return {
        "code": code_digest(TABLES, *modules),
        "rows": [(row.name, row.protocol) for row in run.table],
        "metrics": [
            (metric.name, named(metric.summarise), metric.by_picture, metric.means, metric.bounds)
            for metric in run.metrics
        ],
        "reference": run.config.reference,
    }


def conditions(run: Run) -> dict[str, Any]:
    """Return what is measured of frames."""
    return {"code": code_digest(CONDITIONS, *DECODING), "flow": flow(run)} | selection(run)


def slices(run: Run) -> dict[str, Any]:
    """Return what the figures of slices depend on besides scores, annotations and what was measured."""
    made = summary(run)
    modules = sorted({module_of(metric.summarise) for metric in run.metrics})
    return {
        "code": code_digest(SLICES, *modules),
        "rows": made["rows"],
        "metrics": made["metrics"],
        "protocols": {
            name: rules.model_dump(include={"ground_truth", "boxes"}) for name, rules in run.protocols.items()
        },
    }


def clips(run: Run) -> dict[str, Any]:
    """Return what the table of clips depends on besides what became of each clip."""
    fields = [rules.ground_truth.model_dump() for rules in run.protocols.values()]
    params = {"code": code_digest(TABLES), "listens": run.listens, "protocols": fields}
    # where a row that went has no table to go from: a run without a job does not begin, and notes nothing
    return params if run.labelled else params | {"rows": asdict(run.shown)}


def samples(run: Run) -> dict[str, Any]:
    """Return what the samples of a training depend on besides the clips."""
    return {
        "code": code_digest(SAMPLES),
        "frames_per_second": run.config.training.frames_per_second,
    } | estimator(run)


def streets(run: Run) -> dict[str, Any]:
    """Return what the annotations of rendered streets depend on besides their names."""
    return {
        "code": code_digest("flowgrad.synthetic.dataset"),
        "settings": run.config.streets.settings().model_dump(),
    }
