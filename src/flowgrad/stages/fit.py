"""Stage ``fit``: the checkpoint of one model from samples, its log and its curves."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from flowgrad import artifacts
from flowgrad.code import Code, implementation
from flowgrad.errors import InputError
from flowgrad.figures.curves import curves
from flowgrad.models.checkpoint_file import check_layout
from flowgrad.models.layout import CheckpointLayout
from flowgrad.schemas.training_clips import OFFERED, USED
from flowgrad.shard import file_sha256
from flowgrad.training.checkpointing import save
from flowgrad.training.labels import read_labels
from flowgrad.training.loop import Schedule, fit
from flowgrad.training.objective import Objective, Start
from flowgrad.training.samples import SampleSet

log = logging.getLogger(__name__)


def run(
    *,
    identity: Mapping[str, Any],
    objective: Code,
    layout: CheckpointLayout | None,
    samples_in: Sequence[Path],
    clips_in: Path,
    labels_in: Path | None = None,
    classes: int = 0,
    start: Start,
    schedule: Schedule,
    device: str,
    threads: int,
    processes: int = 1,
    alone: bool = False,
    checkpoint_out: Path,
    log_out: Path,
    curves_out: Path,
) -> None:
    """Train one model.

    Args:
        identity: everything that decides the outcome besides samples and start, JSON-ready: what was left unfinished
            with another identity is not taken up.
        objective: of the model: from where it starts to a :class:`flowgrad.training.objective.Objective`.
        layout: of its checkpoint.
        samples_in: what stage ``samples`` wrote.
        clips_in: what rule ``training_clips`` wrote.
        labels_in: table of pseudo labels, where the model learns from ``classes`` of them.
        classes: how many; 0 where it learns from none.
        start: where it starts.
        schedule: how.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: CPU threads.
        processes: GPUs that share the work.
        alone: no other job says anything meanwhile: show a progress bar.
        checkpoint_out: the best epoch, in the published layout. The state of an unfinished training lies in ``state``
            beside it, and the next call goes on from there.
        log_out: CSV, a row an epoch.
        curves_out: PNG of the losses.

    Raises:
        InputError: see :func:`flowgrad.training.loop.fit`; or a start that does not fit.
    """
    from flowgrad.models.device import resolve_device

    torch.set_num_threads(threads)
    clips = artifacts.read_table(clips_in, OFFERED)
    used = clips[clips["status"] == USED]
    labels = read_labels(labels_in, classes) if labels_in is not None and classes else None
    samples = SampleSet(samples_in, used["video"], dict(zip(used["video"], used["place"], strict=True)), labels)
    torch.manual_seed(schedule.seed)
    learnt: Objective = implementation("training", objective)(start)
    for key, asked in (("mosaics", schedule.mosaics > 0), ("compare", start.compare != "means")):
        if asked and key not in learnt.takes:
            raise InputError(f"training.{key}: {learnt.name} does not know it; leave it out, or train it alone")

    def say(words: str) -> None:
        log.info("%s", words)
        print(f"{learnt.name}: {words}", file=sys.stderr, flush=True)  # noqa: T201

    bare = "" if labels is None else f", {len(used) - len(samples.clips)} of them without labels"
    say(f"{len(samples.clips)} clips, {len(clips) - len(samples.clips)} left out{bare} ({clips_in})")
    # other code, settings, clips or start: another training, which must not go on from this one's state
    shapes = {clip: samples.length(clip) for clip in samples.clips}
    facts = [identity, samples.sources, samples.places, shapes, start.file and file_sha256(start.file)]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    states = checkpoint_out.parent / "state"
    outcome = fit(
        learnt,
        samples,
        schedule,
        folder=states / digest,
        device=resolve_device(device),
        say=say,
        processes=processes,
        # beside another job its bar would be overwritten; then a line an epoch is all
        bar=sys.stderr.isatty() and alone,
    )
    if outcome is None:  # another process of this training writes
        return
    save(learnt.content(outcome.state, outcome.best_epoch), checkpoint_out)
    check_layout(checkpoint_out, layout)
    history = pd.DataFrame(outcome.history)
    artifacts.write_table(log_out, history)
    with artifacts.replacing(curves_out) as temporary:
        curves(history, outcome.best_epoch, learnt.name, temporary)
    shutil.rmtree(states)
    say(f"keeps epoch {outcome.best_epoch}")
    kept = outcome.history[outcome.best_epoch - 1]
    if kept["held_out_loss"] >= kept["held_out_chance"]:
        say(
            f"which is no better than chance on held-out videos ({kept['held_out_loss']:.3f}, chance"
            f" {kept['held_out_chance']:.3f}): nothing was learnt that holds for other videos"
        )
