"""A configured run: its clips, its rows, its protocols. One small object, no Snakemake, no torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from flowgrad import paths, weights
from flowgrad.check import Findings, check, check_raw, has_gpu
from flowgrad.config import TRAINED, Config, parse
from flowgrad.errors import InputError
from flowgrad.evaluation.base import Metric, ThresholdRule
from flowgrad.evaluation.registry import METRICS, threshold_rule
from flowgrad.flow.forms import KINDS
from flowgrad.last_run import Rows, note_rows, remove_outdated
from flowgrad.models.arithmetic import Precision
from flowgrad.models.base import Model
from flowgrad.models.registry import get_model, required
from flowgrad.models.rows import Row
from flowgrad.models.runtime import processor_alone, resolve_precision
from flowgrad.origin import note_origin
from flowgrad.plan import FingerprintCache, Plan
from flowgrad.protocols import Protocol
from flowgrad.resolved import forget_precision, note_precision, noted_precision
from flowgrad.weights import TRAINED_DETECTOR
from flowgrad.workflow.training import TrainingRun

RESULTS = Path(paths.RESULTS)


@dataclass(frozen=True)
class Run:
    """A configured run in the working folder."""

    config: Config
    findings: Findings
    update: bool = False

    @cached_property
    def training(self) -> TrainingRun:
        """Return the training part of the run."""
        return TrainingRun(self.config, self.plan, self.update)

    @cached_property
    def plan(self) -> Plan:
        """Return the plan of the results folder."""
        return Plan(RESULTS)

    @cached_property
    def clips(self) -> dict[str, list[str]]:
        """Return the present clips of every shard that holds one."""
        members: dict[str, list[str]] = {}
        for clip, shard in sorted(self.plan.present().items()):
            members.setdefault(shard, []).append(clip)
        return members

    @cached_property
    def shards(self) -> list[str]:
        """Return the shards that hold a present clip, in order."""
        return sorted(self.clips)

    @cached_property
    def overlaid(self) -> dict[str, list[str]]:
        """Return the clips that get a video of what was found in them, by shard: the first by name, or all."""
        wanted = self.config.overlays
        names = sorted(self.plan.present()) if wanted else []
        chosen = set(names if wanted == "all" else names[:wanted])
        found = {shard: [clip for clip in clips if clip in chosen] for shard, clips in self.clips.items()}
        return {shard: clips for shard, clips in sorted(found.items()) if clips}

    @cached_property
    def protocols(self) -> dict[str, Protocol]:
        """Return the protocols by name."""
        return self.config.used_protocols()

    @property
    def labelled(self) -> bool:
        """Return whether there is anything to score."""
        return self.config.dataset.labelled

    # rows

    @cached_property
    def table(self) -> list[Row]:
        """Return the rows of the table: every model under every protocol that it has a preset for."""
        return [row for name in self.findings.models for row in rows_of(get_model(name), self.protocols)]

    @cached_property
    def map_rows(self) -> list[Row]:
        """Return the rows whose maps are made, those included that another starts from."""
        models = [model for model in required(self.findings.models) if model.gives == "maps"]
        return [row for model in models for row in rows_of(model, self.protocols)]

    @cached_property
    def map_models(self) -> list[str]:
        """Return the models whose maps are made, those included that another starts from."""
        return list(dict.fromkeys(row.name for row in self.map_rows))

    def scored_maps(self, protocol: str | None = None) -> list[Row]:
        """Return the rows of the table that are scored from maps, of one protocol or all."""
        return [row for row in self.table if row.model.gives == "maps" and protocol in (None, row.protocol)]

    @cached_property
    def asked(self) -> list[Row]:
        """Return the rows that are asked what they show under another sound.

        Those of the table whose maps follow from what a model that can be asked sees and hears, and those on the way.
        """
        if not (self.config.listening and self.labelled):
            return []
        on_the_way = [step for row in self.table for step in self.way(row)]
        return [row for row in self.map_rows if row in on_the_way]

    @cached_property
    def kept_apart(self) -> list[Row]:
        """Return those of :attr:`asked` of which what they see and hear is kept; the others start from these."""
        return [row for row in self.asked if self.way(row) == [row]]

    @cached_property
    def parted(self) -> list[Row]:
        """Return the rows of the table that tell parts of an item apart, where there is anything to score."""
        return [row for row in self.table if row.model.parts and self.labelled]

    def way(self, row: Row) -> list[Row]:
        """Return the rows from one that can be asked to this one, each made from the maps of the one before.

        Empty where there is none, and where a network would have to run on the way.
        """
        if row.model.joined is not None and row.needs.audio is not None:
            return [row]
        start = self.map_row.get((row.needs.maps_of or "", row.protocol))
        if start is None or row.needs.decoded or row.model.weights is not None:
            return []
        way = self.way(start)
        return [*way, row] if way else []

    @cached_property
    def networks(self) -> list[Row]:
        """Return those of :attr:`map_rows` that are a network: they look at frames, listen, or have weights."""
        return [row for row in self.map_rows if row.needs.decoded or row.model.weights is not None]

    @cached_property
    def together(self) -> list[str]:
        """Return the models without a network that one job makes under all protocols."""
        return [
            name
            for name in self.map_models
            if not any(row.name == name for row in self.networks)
            and sum(row.name == name for row in self.map_rows) == len(self.protocols)
        ]

    @cached_property
    def flow_kinds(self) -> list[str]:
        """Return the kinds of flow that any row reads."""
        measured = ("signed",) if self.measures else ()
        return [kind for kind in KINDS if kind in measured or any(kind in row.kinds for row in self.map_rows)]

    @property
    def measures(self) -> bool:
        """Return whether loudness and the camera's motion are measured."""
        return self.labelled and self.config.slices == "all"

    @property
    def slices(self) -> bool:
        """Return whether there is a table of slices."""
        return self.labelled and self.config.slices != "none"

    @property
    def compares(self) -> bool:
        """Return whether any row needs the background."""
        return any(row.needs.background for row in self.map_rows)

    @property
    def reach(self) -> int:
        """Return how many frames before and after its own one any row looks at, its start included."""
        return max((row.reach for row in self.map_rows), default=0)

    @property
    def listens(self) -> bool:
        """Return whether any row needs sound."""
        return any(row.listens for row in self.table)

    @property
    def detects(self) -> bool:
        """Return whether any row needs detections."""
        return any(row.model.boxes for row in self.table)

    @cached_property
    def metrics(self) -> list[Metric]:
        """Return the metrics of the table."""
        return [METRICS[name] for name in self.config.metrics]

    def threshold(self, row: Row) -> ThresholdRule:
        """Return the rule that turns the maps of a row into masks."""
        return threshold_rule(self.protocols[row.protocol].threshold, row.model.threshold)

    @property
    def shown(self) -> Rows:
        """Return what the run shows."""
        return Rows(
            models=self.findings.models,
            protocols=list(self.protocols),
            maps=sorted((row.protocol, row.name) for row in self.map_rows),
            flow=self.flow_kinds,
            estimator=self.config.flow.estimator,
            detections=self.detects,
        )

    @cached_property
    def noted(self) -> dict[tuple[str, ...], dict[str, Any]]:
        """Return what rows depend on, as far as somebody asked (:func:`flowgrad.workflow.depends.heatmaps`)."""
        return {}

    @cached_property
    def map_row(self) -> dict[tuple[str, str], Row]:
        """Return the rows whose maps are made by model and protocol."""
        return {(row.name, row.protocol): row for row in self.map_rows}

    # weights

    def is_trained(self, key: str) -> bool:
        """Return whether the run makes a checkpoint itself."""
        return self.config.checkpoints.get(key) == TRAINED

    @property
    def trained_detector(self) -> list[str]:
        """Return the detector's weights where the run makes them itself."""
        return [str(TRAINED_DETECTOR)] if self.findings.detector == TRAINED_DETECTOR else []

    @cached_property
    def weights_sha256(self) -> dict[str, str]:
        """Return the SHA-256 of every checkpoint that is used, by its key, of the ``detector`` and of ``flow``.

        What the run trains itself has none yet: the engine sees it as a file that other files are made from.
        """
        files = {key: path for key, path in self.findings.checkpoints.items() if not self.is_trained(key)}
        if self.findings.detector not in (None, TRAINED_DETECTOR):
            files["detector"] = self.findings.detector
        if self.findings.flow is not None:
            files["flow"] = self.findings.flow
        # once a run: the engine asks for the parameters of every job, and the cache lists every clip
        cache = FingerprintCache(self.plan.folder / "fingerprints.json")
        digests = {key: cache.digest(path) for key, path in files.items()}
        if self.update:
            # many jobs at once read it, and the process that a person started writes it
            cache.save()
        return digests

    # GPUs

    @property
    def gpus(self) -> int:
        """Return how many GPUs a job of a network asks for; with ``auto`` one where this machine has any."""
        if self.config.device == "auto":
            return int(has_gpu())
        return int(self.config.device == "cuda")

    @property
    def map_gpus(self) -> int:
        """Return how many GPUs a job of heatmaps asks for."""
        return 0 if processor_alone(self.config.precision, self.config.engine) else self.gpus

    @property
    def detector_gpus(self) -> int:
        """Return how many GPUs a job of the detector asks for, which computes in float32 always."""
        return 0 if processor_alone("float32", self.config.engine) else self.gpus

    @cached_property
    def precision(self) -> Precision:
        """Return the arithmetic of networks; ``auto`` is what was noted, and goes by this machine at first."""
        noted = noted_precision(RESULTS, self.config) if self.config.precision == "auto" else None
        return noted or resolve_precision(self.config.precision, "cuda" if self.map_gpus else "cpu")

    @property
    def training_gpus(self) -> int:
        """Return how many GPUs a training asks for."""
        return self.gpus * self.config.training.gpus

    def begin(self) -> None:
        """Note what the run shows, and remove what is no longer shown; only where no other run holds a lock."""
        note_rows(RESULTS, self.shown)
        for table, made in (
            (paths.LISTENING, self.asked),
            (paths.SLICES, self.slices),
            (paths.SOURCES, self.parted),
            (paths.INDEX, self.config.page),
        ):
            if not made:
                Path(table).unlink(missing_ok=True)
        sheets = {(name, shard) for name in self.protocols for shard in self.shards} if self.config.pictures else set()
        remove_outdated(RESULTS, sheets, self.labelled, self.protocols, sliced=bool(self.slices), shards=self.shards)


def rows_of(model: Model, protocols: Mapping[str, Protocol]) -> list[Row]:
    """Return the rows of a model: one under every protocol that it, and what it starts from, has a preset for."""
    found = []
    for name, protocol in protocols.items():
        if model.has(protocol):
            needs = model.needs(protocol)
            starts = required([needs.maps_of]) if needs.maps_of else []
            if all(start.has(protocol) for start in starts):
                found.append(Row(model, name, needs, tuple(start.needs(protocol) for start in starts)))
    return found


def begin_run(raw: Mapping[str, Any]) -> Run:
    """Check everything, fetch what can be fetched, bring the plan up to date, and return the run that a person started.

    Raises:
        InputError: the configuration, the dataset or the weights are not usable; all that is wrong is listed.
    """
    findings = check_raw(raw, RESULTS)
    if findings.downloads and not findings.problems:
        notes, failures = weights.fetch_all(findings.downloads)
        findings = check_raw(raw, RESULTS, failures)
        findings.notes += notes
    if findings.problems:
        raise InputError(findings.report())
    config = parse(raw)
    # what another run works from must not change under it; the engine refuses this one if it makes the same files
    locked = any(Path(".snakemake/locks").glob("*.lock")) and bool(Plan(RESULTS).shards())
    run = Run(config, findings, update=not locked)
    if locked:
        findings.notes.append(
            "this folder is locked, by a run or by what is left of a killed one: its plan stays as it is"
        )
    else:
        assert findings.dataset is not None
        note_origin(RESULTS, config)
        run.plan.update(findings.dataset, config.clips_per_job)
    if config.precision == "auto":
        note_precision(RESULTS, config, run.precision)
    elif not locked:
        forget_precision(RESULTS)
    return run


def job_run(raw: Mapping[str, Any]) -> Run:
    """Return the run that a job belongs to: it reads the plan and the precision as they are, and looks at the weights.

    Raises ``InputError`` where the weights are not usable.
    """
    config = parse(raw)
    # nothing is fetched here: what the main process could not have is absent
    findings = check(config, RESULTS, dict.fromkeys(weights.DOWNLOADS, "it was not downloaded"), dataset=False)
    if findings.problems:
        raise InputError(findings.report())
    return Run(config, findings)


def share_package_with_jobs() -> None:
    """Make jobs find the package of this clone in whatever environment they run."""
    source = str(Path(__file__).parents[2])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))
