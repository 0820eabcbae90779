"""The files that rules read, where they follow from the run and not from a pattern alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flowgrad import paths
from flowgrad.flow.forms import kind_of
from flowgrad.models.registry import get_model
from flowgrad.models.rows import Row
from flowgrad.workflow.run import Run

if TYPE_CHECKING:
    from flowgrad.stages.gallery import Shard


def row_of(run: Run, model: str, protocol: str) -> Row:
    """Return the row whose maps are made for a model and a protocol."""
    return run.map_row[model, protocol]


def heatmaps(run: Run, row: Row, shard: str) -> dict[str, str]:
    """Return the files that the maps of a row are made from."""
    inputs = {}
    weights = row.model.weights
    if row.needs.decoded:
        inputs["frames"] = paths.frames(shard)
    if weights is not None and run.is_trained(weights.key):
        inputs["checkpoint"] = str(run.findings.checkpoints[weights.key])
    if row.needs.flow is not None:
        inputs["flow"] = paths.flow(run.config.flow.estimator, kind_of(row.needs.flow.form), shard)
    if row.needs.background:
        inputs["background"] = paths.background(run.config.flow.estimator, shard)
    if row.needs.maps_of:
        inputs["maps"] = paths.heatmaps(row.protocol, row.needs.maps_of, shard)
    return inputs


def listening(run: Run, row: Row) -> dict[str, list[str]]:
    """Return the files, of all shards, that the maps of a row under another sound are made from."""
    start, *steps = run.way(row)
    return {
        "apart": [paths.apart(start.protocol, start.name, shard) for shard in run.shards],
        "steps": sorted(
            {
                path
                for step in steps
                for shard in run.shards
                for name, path in heatmaps(run, step, shard).items()
                if name != "maps"
            }
        ),
    }


def together(run: Run, model: str, shard: str) -> list[str]:
    """Return the files that the maps of a model under all protocols are made from."""
    rows = [row for row in run.map_rows if row.name == get_model(model).name]
    return sorted({path for row in rows for path in heatmaps(run, row, shard).values()})


def all_maps(run: Run) -> list[str]:
    """Return all maps of the run."""
    return [paths.heatmaps(row.protocol, row.name, shard) for row in run.map_rows for shard in run.shards]


def any_flow(run: Run, shard: str) -> list[str]:
    """Return the flow of one kind, where the run has flow at all."""
    return [paths.flow(run.config.flow.estimator, kind, shard) for kind in run.flow_kinds[:1]]


def boxes(run: Run, protocol: str, shard: str) -> str:
    """Return the table of all boxes on the frames that the detector sees under a protocol."""
    return paths.boxes(run.protocols[protocol].detection.frame_storage, shard)


def frame_readers(run: Run, shard: str) -> list[str]:
    """Return the files that are made from the frames of a shard: once they are there, it is released."""
    readers = [paths.heatmaps(row.protocol, row.name, shard) for row in run.networks if row.needs.decoded]
    readers += [paths.flow(run.config.flow.estimator, kind, shard) for kind in run.flow_kinds]
    if run.compares:
        readers.append(paths.background(run.config.flow.estimator, shard))
    if run.measures:
        readers.append(paths.conditions(shard))
    if run.detects:
        readers += sorted({boxes(run, protocol, shard) for protocol in run.protocols})
    return readers


def rendered(run: Run, part: str, shard: str) -> list[str]:
    """Return the mark that the videos of a shard are rendered, where the run renders them itself.

    ``part``: ``labelled`` (the clips that are scored) or ``unlabelled`` (those that are learnt from).
    """
    rendering = run.config.dataset.rendered and (part == "labelled" or not run.config.training.root)
    return [paths.rendered(part, shard)] if rendering else []


def clips_of(run: Run, part: str, shard: str) -> Path:
    """Return the file that lists the clips of a shard of rendered streets."""
    return (run.plan if part == "labelled" else run.training.planned()).shard_file(shard)


def gallery_shards(run: Run, protocol: str) -> list[Shard]:
    """Return the files that the gallery of a protocol is made from, shard by shard."""
    from flowgrad.stages.gallery import Shard

    return [
        Shard(
            clips=Path(paths.shard_list(shard)),
            status=Path(paths.status(shard)),
            maps={row.name: Path(paths.heatmaps(protocol, row.name, shard)) for row in run.scored_maps(protocol)},
            detections=Path(paths.detections(protocol, shard)) if run.detects else None,
            annotations=Path(paths.annotations(shard)) if run.labelled else None,
            scores=Path(paths.scores(shard)) if run.labelled else None,
            flow=Path(flow[0]) if not run.labelled and (flow := any_flow(run, shard)) else None,
        )
        for shard in run.shards
    ]


def figures(run: Run) -> list[str]:
    """Return the figures that a run can have."""
    found = [paths.TABLES_PAGE, paths.COSTS]
    for protocol in run.protocols:
        found += [paths.success(protocol)] if run.labelled else []
        found += [paths.slice_figures(protocol)] if run.slices else []
        found += [paths.gallery(protocol)]
    return found
