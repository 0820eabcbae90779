"""What a job works with: the frames at hand, the loaded detector and estimator, the frames that are wanted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from flowgrad import paths
from flowgrad.config import TRAINED
from flowgrad.datasets.stored import read_annotations
from flowgrad.decoding import ANY_RATE, Recipe
from flowgrad.detection import Detector
from flowgrad.flow.base import FlowEstimator
from flowgrad.flow.registry import ESTIMATORS
from flowgrad.frame_cache import FrameCache
from flowgrad.models.rows import Row
from flowgrad.shard import file_sha256
from flowgrad.workflow import files, selection
from flowgrad.workflow.run import Run


def cache(run: Run) -> FrameCache:
    """Return the frames on disk."""
    return FrameCache(Path(paths.frames("x")).parent, run.config.frames_on_disk)


def recipe(run: Run, shard: str, rows: Iterable[Row]) -> Recipe:
    """Return what the frames of a shard are decoded from, and how: with what these rows see of them."""
    rates = {row.needs.audio.sample_rate for row in run.map_rows if row.needs.audio is not None}
    rates |= {ANY_RATE} if run.measures else set()
    return Recipe(
        shard=run.plan.shard_file(shard),
        root=run.config.open_dataset().root,
        sample_rates=tuple(sorted(rates)),
        wanted=_decoded(run, shard),
        views=tuple(sorted({(look.size, look.storage) for row in rows if (look := row.needs.frames)})),
    )


def frames(run: Run, shard: str, rows: Iterable[Row] = ()) -> contextlib.AbstractContextManager[Path]:
    """Give the frames of a shard to read, decoded anew if they were released: with what these rows see, no other."""
    return cache(run).at_hand(shard, recipe(run, shard, rows))


def wanted(run: Run, shard: str, protocol: str) -> selection.Frames | None:
    """Return the frames that a protocol scores, by clip; None while all frames are computed."""
    if run.config.frames == "all":
        return None
    known = read_annotations(run.plan.annotation_file(shard))
    return selection.scored(known, run.protocols[protocol].ground_truth)


def _decoded(run: Run, shard: str) -> selection.Frames | None:
    """Return the frames that must be decoded, by clip; None while all frames are computed."""
    if run.config.frames == "all":
        return None
    known = read_annotations(run.plan.annotation_file(shard))
    return selection.with_neighbours(known, run.protocols.values(), run.reach)


def estimator(run: Run, threads: int) -> FlowEstimator:
    """Return the configured flow estimator, loaded."""
    known = ESTIMATORS[run.config.flow.estimator]
    if known.file is not None:
        # what has weights is a network
        import torch

        torch.set_num_threads(threads)
    return known.loaded(run.findings.flow)


def detector(run: Run, threads: int) -> Detector:
    """Return the configured detector, loaded."""
    import torch

    from flowgrad.detection.yolo import Yolo
    from flowgrad.models.runtime import resolve

    torch.set_num_threads(threads)
    settings = run.config.detector
    assert run.findings.detector is not None
    return Yolo(
        run.findings.detector,
        image_size=settings.image_size,
        confidence=settings.confidence,
        iou=settings.iou,
        runtime=resolve(run.config.device, engine=run.config.engine),
        classes=settings.classes,
    )


def model(run: Run, row: Row, depends: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of stage ``heatmaps`` that say which model runs, and how.

    ``depends`` is what the rule was given (:func:`flowgrad.workflow.depends.heatmaps`): the digest of the weights, and
    the precision, which another machine might resolve otherwise.
    """
    weights = depends.get("weights", "")
    known = row.model.weights
    checkpoint = run.findings.checkpoints[known.key] if known else None
    return {
        "model": row.model,
        "settings": row.model.settings(run.protocols[row.protocol]),
        "protocol_name": row.protocol,
        "checkpoint": checkpoint,
        "checkpoint_sha256": file_sha256(checkpoint) if checkpoint and weights == TRAINED else weights,
        "device": run.config.device,
        "precision": depends.get("precision", "float32"),
        "engine": run.config.engine,
        "batch_size": run.config.batch_size,
    }


def asked(run: Run, row: Row) -> dict[str, Any]:
    """Return the arguments of stage ``listening`` that say which model is asked, and how its maps are scored."""
    start, protocol = run.way(row)[0].model, run.protocols[row.protocol]
    return {
        "row": row,
        "start": start,
        "settings": start.settings(protocol),
        "protocol": protocol,
        "threshold": run.threshold(row),
    }


def steps(run: Run, row: Row, shard: str, stage: Callable[..., None]) -> list[Callable[..., None]]:
    """Return what makes the maps of a row from those of the model that is asked, one after the other.

    Each is ``stage``, which is stage ``heatmaps``, with all of its arguments but ``maps_in`` and ``out``.
    """
    found: list[Callable[..., None]] = []
    for step in run.way(row)[1:]:
        inputs = files.heatmaps(run, step, shard)
        read = {f"{name}_in": Path(inputs[name]) for name in ("flow", "background") if name in inputs}
        found.append(partial(stage, **model(run, step, {}), **read))
    return found
