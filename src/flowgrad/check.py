"""Everything that can be known to be wrong before a job starts, all at once, in seconds and without torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from flowgrad import weights
from flowgrad.config import TRAINED, Config, ConfigurationError, DetectorConfig, is_demo, parse, with_demo, without
from flowgrad.datasets.base import Dataset
from flowgrad.detection.base import CLASSES
from flowgrad.detection.labels import vehicle_labels
from flowgrad.detection.weights_file import open_weights
from flowgrad.errors import InputError, MediaError
from flowgrad.evaluation.outlook import outlook, past_the_end
from flowgrad.evaluation.registry import METRICS, THRESHOLDS
from flowgrad.flow.forms import kind_of
from flowgrad.flow.registry import ESTIMATORS
from flowgrad.models.base import Model, Weights
from flowgrad.models.checkpoint_file import LayoutError, check_layout
from flowgrad.models.fitting import in_configuration
from flowgrad.models.own import import_problems
from flowgrad.models.registry import DEFAULT_MODELS, get_model, required, weights_of
from flowgrad.models.runtime import has_bfloat16, lack, misfit, processor_alone
from flowgrad.origin import refusal
from flowgrad.resolved import noted_precision
from flowgrad.weights import TRAINED_DETECTOR, trained_checkpoint
from flowgrad.workflow.training import start_file, training_dataset, training_problems

CLIPS_LOOKED_AT = 8
"""Clips of an annotated dataset whose length is looked at: enough to see that times are in another unit."""


@dataclass
class Findings:
    """What a check found.

    Attributes:
        problems: what must be mended before a run, one sentence each.
        notes: what a person should know, one sentence each.
        models: the models that will run, in the configuration's order.
        checkpoints: the file of every checkpoint that they need, by its key; trained ones may not be there yet.
        detector: the detector's weights, None where no model needs it.
        flow: the flow estimator's weights, None where it needs none.
        downloads: known weights that are nowhere here and can be fetched.
        dataset: the dataset, opened and read; None where it was not looked at.
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    checkpoints: dict[str, Path] = field(default_factory=dict)
    detector: Path | None = None
    flow: Path | None = None
    downloads: list[str] = field(default_factory=list)
    dataset: Dataset | None = None

    def report(self) -> str:
        """Return the problems as one text."""
        lines = [f"{len(self.problems)} problem{'s' if len(self.problems) != 1 else ''} before the first job:"]
        return "\n".join([*lines, *(f"  - {problem}" for problem in self.problems)])


Failures = Mapping[str, str]
"""Known weights that could not be downloaded, each with the reason."""


def check_raw(raw: Mapping[str, Any], results: Path = Path("results"), failures: Failures | None = None) -> Findings:
    """Check a configuration as it was read: its own faults, and whatever can be checked beside them.

    A key that cannot be used takes its default for the rest of the check, so that everything is listed at once.
    Nothing is written, and nothing downloaded: ``downloads`` of the findings names what a run can fetch.
    """
    faults: list[str] = []
    sound, stand_in = with_demo(raw), False
    while True:
        try:
            config = parse(sound)
        except ConfigurationError as error:
            faults += [f"configuration: {fault.words}" for fault in error.faults]
            remaining = sound
            for fault in error.faults:
                remaining = without(remaining, fault.place)
            if any(fault.place[0] == "dataset" for fault in error.faults) or remaining == sound:
                return Findings(problems=faults)
            # models that cannot be read are not to bring faults of their own
            if "models" in sound and "models" not in remaining:
                remaining, stand_in = remaining | {"models": "available"}, True
            sound = remaining
        else:
            findings = check(config, results, failures)
            findings.problems[:0] = faults
            if stand_in:
                findings.notes.clear()
            if is_demo(raw):
                findings.notes.insert(
                    0, f"no dataset is configured: this is the demo (docs/demo.md); {_of_demo(config, findings)}"
                )
            return findings


def _of_demo(config: Config, findings: Findings) -> str:
    """Return what the demo does, as a part of a sentence."""
    streets = config.streets
    # of those that its rows use: others may be set
    if any(config.checkpoints.get(key) == TRAINED for key in findings.checkpoints):
        learnt = f"{streets.labelled + streets.unlabelled} streets are rendered, networks are trained on them"
        return f"{learnt}, then the table is made"
    return f"{streets.labelled} streets are rendered, then the table is made with the small networks that come along"


def check(
    config: Config, results: Path = Path("results"), failures: Failures | None = None, dataset: bool = True
) -> Findings:
    """Check dataset, weights and the results folder against the configuration.

    Args:
        config: the parsed configuration.
        results: folder that will be written.
        failures: known weights that cannot be had, with the reasons; None: none was tried.
        dataset: read the dataset as well (single jobs need only the weights).
    """
    findings = Findings()
    if dataset:
        _check_dataset(config, findings)
        _check_origin(config, results, findings)
    _check_models(_well_declared(config, findings), config, findings, failures or {})
    _check_metrics(config, findings)
    _check_pairs(config, findings)
    _check_reference(config, findings)
    _check_flow(config, findings)
    if dataset:
        findings.problems += import_problems(required(findings.models))
    if dataset and any(path == trained_checkpoint(key) for key, path in findings.checkpoints.items()):
        problems = training_problems(config)
        findings.problems += [problem for problem in problems if problem not in findings.problems]
        if config.training.root is not None and not problems:
            findings.notes += training_dataset(config).notes()
    image = config.container
    if image and "://" not in image and not Path(image).exists():
        findings.problems.append(
            f"container: {Path(image).absolute()} not found; build it as docs/cluster.md says, or leave the key out"
        )
    if dataset:
        _check_runtime(config, results, findings)
    if config.device == "cuda" and not has_gpu():
        findings.notes.append("device: cuda, and this machine has no NVIDIA device: the jobs must run on one that has")
    _check_writable(results, findings)
    return findings


def _check_runtime(config: Config, results: Path, findings: Findings) -> None:
    """Refuse what goes together nowhere, and say what this machine lacks; jobs on others may have it."""
    on_gpu = config.device == "cuda" or (
        config.device == "auto" and has_gpu() and not processor_alone(config.precision, config.engine)
    )
    problem = misfit("cuda" if on_gpu else "cpu", config.precision, config.engine)
    if problem:
        findings.problems.append(problem)
        return
    lacking = lack(config.precision, config.engine)
    if lacking:
        findings.notes.append(f"{lacking}; that is of this machine, jobs on others may have it")
    elif config.precision == "bfloat16" and not (on_gpu or has_bfloat16()):
        findings.notes.append(
            "precision: this processor does not compute in bfloat16; torch rounds to it, which takes longer"
        )
    noted = noted_precision(results, config)
    if config.precision == "auto" and config.device == "cuda" and not has_gpu() and noted is None:
        findings.notes.append(
            "precision: auto is float32, as no NVIDIA device is here to go by; write bfloat16 if the jobs' have it"
        )


def _check_dataset(config: Config, findings: Findings) -> None:
    dataset = findings.dataset = config.open_dataset()
    try:
        problems = dataset.problems()
    except OSError as error:
        problems = [f"dataset.root: the folder cannot be looked at: {error.strerror}"]
    findings.problems += problems
    if problems:
        return
    findings.notes += dataset.notes()
    # what is rendered is annotated as it should be, and takes its time to be worked out
    if dataset.labelled and not config.dataset.rendered:
        findings.notes += _outlook(config, dataset)


def _check_origin(config: Config, results: Path, findings: Findings) -> None:
    problem = refusal(results, config, None if findings.problems else findings.dataset)
    findings.problems += [problem] if problem else []


def _well_declared(config: Config, findings: Findings) -> list[str]:
    """Return the models that are asked for and declare only what there is: starts, forms of flow, thresholds."""
    names = DEFAULT_MODELS if isinstance(config.models, str) else config.models
    usable = []
    for name in names:
        try:
            for model in required([name]):
                _check_declared(model)
        except InputError as error:
            findings.problems.append(f"models: {name}: {error}; mend its Model")
        else:
            usable.append(name)
    return usable


def _check_declared(model: Model) -> None:
    """Raise ``InputError`` where a model declares what there is not."""
    THRESHOLDS.get_known(model.threshold)
    for preset in model.presets.values():
        needs = preset.needs()
        if needs.flow is not None:
            kind_of(needs.flow.form)
        if model.gives == "maps" and not (needs.decoded or needs.flow or needs.maps_of):
            raise InputError("it makes maps and needs nothing to make them from")


def _check_metrics(config: Config, findings: Findings) -> None:
    """Try the summary of metrics of one's own: where it fails in the run, the table of all others is lost."""
    for name in config.metrics:
        if name not in METRICS.built_in:
            try:
                metric = METRICS[name]
                some = [np.array([0.25, 0.5]), np.array([1.0])]
                # values of others stand beside its own
                beside = [np.repeat(values[:, None], len(metric.read), axis=1) for values in some]
                metric.figures(beside if metric.beside else some)
            except InputError as error:
                findings.problems.append(f"metrics: {error}")


def _check_pairs(config: Config, findings: Findings) -> None:
    """Name the rows that do not exist because a model has no preset for a protocol, and models without any row."""
    protocols = config.used_protocols()
    for name in list(findings.models):
        model = get_model(name)
        lacking = [protocol for protocol, rules in protocols.items() if not model.has(rules)]
        if len(lacking) == len(protocols):
            findings.models.remove(name)
            findings.problems.append(
                f"models: {name} has no preset for any of the protocols {', '.join(lacking)}, only"
                f" {', '.join(model.presets)}; change protocols, or leave {name} out of models"
            )
        elif lacking:
            findings.notes.append(
                f"{name} has no preset for protocol {', '.join(lacking)}: there is no such row in the table"
            )


def _check_reference(config: Config, findings: Findings) -> None:
    """Say where there is nothing to compare with: the reference is one of the rows that are left out."""
    if config.models == "available" and config.reference and config.reference not in findings.models:
        findings.notes.append(f"reference: {config.reference} cannot be run here, so no row is compared with it")


def _check_flow(config: Config, findings: Findings) -> None:
    """Locate the weights of the flow estimator; without them nothing runs that needs flow, trainings included."""
    estimator = ESTIMATORS[config.flow.estimator]
    if estimator.file is None:
        if config.flow.weights is not None:
            findings.problems.append(f"flow.weights: {estimator.name} has no weights; leave the key out")
        return
    name = config.flow.weights or estimator.file
    findings.flow = weights.find(name)
    needed = any(preset.needs().flow for model in required(findings.models) for preset in model.presets.values())
    trained = TRAINED in config.checkpoints.values()
    if findings.flow is None and (needed or trained):
        findings.problems.append(weights.absent("flow.weights", name, estimator.source))


def _outlook(config: Config, dataset: Dataset) -> list[str]:
    """Return how much the protocols will score, and what looks wrong about the annotations."""
    annotated = dataset.annotations()
    videos = {clip.name: dataset.root / clip.video for clip in dataset.clips() if clip.video}
    both = sorted(name for name in videos.keys() & annotated.keys() if not annotated[name].of_still)
    looked_at = both[:: max(1, len(both) // CLIPS_LOOKED_AT)][:CLIPS_LOOKED_AT]
    lengths = {name: length for name in looked_at if (length := _length(videos[name]))}
    late = past_the_end(annotated, lengths)
    rules = {name: protocol.ground_truth for name, protocol in config.used_protocols().items()}
    return outlook(annotated, videos, rules) + ([late] if late else [])


def _length(path: Path) -> float | None:
    """Return how long a media file says that it is, s; None where it does not say, or cannot be read."""
    from flowgrad.media import open_media

    try:
        with open_media(path) as container:
            return container.duration / 1e6 if container.duration else None
    except MediaError:
        return None


def has_gpu() -> bool:
    """Return whether this machine has an NVIDIA device, without asking torch."""
    return any(Path("/dev").glob("nvidia[0-9]*"))


@dataclass(frozen=True)
class _Fault:
    """What is wrong with the weights of a model.

    ``absent`` is the file that is nowhere, and where it can be got, where the configuration names none.
    """

    words: str
    absent: str | None = None


def _check_models(names: list[str], config: Config, findings: Findings, failures: Failures) -> None:
    wrong: dict[_Fault, list[str]] = {}
    for name in names:
        needs_boxes = get_model(name).boxes is not None
        faults = [_detector_fault(config, findings, failures)] if needs_boxes else []
        faults += [_fault(needed, config, findings) for needed in weights_of(name)]
        found = [fault for fault in faults if fault is not None]
        if not found:
            findings.models.append(name)
        for fault in found:
            wrong.setdefault(fault, []).append(name)
    absent = {fault: models for fault, models in wrong.items() if fault.absent}
    # several rows can need one file: say it once
    for fault, models in wrong.items():
        if fault in absent and config.models == "available":
            findings.notes.append(f"left out {', '.join(models)}: {fault.words}")
        elif fault not in absent or len(absent) == 1:
            findings.problems.append(f"{fault.words}; or leave {', '.join(models)} out of models")
    if len(absent) > 1 and config.models != "available":
        files = "; ".join(f"{fault.absent} (for {', '.join(models)})" for fault, models in absent.items())
        findings.problems.append(
            f"{len(absent)} files with weights are not in {weights.weights_folder().absolute()}: put them there, or"
            f" write `models: available`, which runs the rows whose weights are found: {files}"
        )


def _fault(needed: Weights, config: Config, findings: Findings) -> _Fault | None:
    """Locate and check a checkpoint."""
    if needed.key in findings.checkpoints:
        return None
    key, given = f"checkpoints.{needed.key}", config.checkpoints.get(needed.key)
    if given == TRAINED:
        findings.checkpoints[needed.key] = trained_checkpoint(needed.key)
        try:
            start_file(config, needed.key)
        except InputError as error:
            return _Fault(str(error))
        return None
    name = given or needed.file
    path = weights.find(name)
    if path is None:
        how = weights.to_be_had(name, needed.source_of(name), needed.published)
        absent = f"{key}: {name}, {how}".removesuffix(", ") if given is None else None
        return _Fault(weights.absent(key, name, needed.source_of(name), [TRAINED], needed.published), absent)
    try:
        check_layout(path, needed.layout)
    except LayoutError as error:
        return _Fault(f"{key}: {error}{in_configuration(path)}")
    except InputError as error:
        return _Fault(f"{key}: {error}")
    findings.checkpoints[needed.key] = path
    return None


def _detector_fault(config: Config, findings: Findings, failures: Failures) -> _Fault | None:
    """Locate and check the detector's weights."""
    if findings.detector is not None:
        return None
    name = config.detector.weights
    if name == TRAINED:
        return _take_detector(TRAINED_DETECTOR, config, findings)
    path, default = weights.find(name), DetectorConfig.model_fields["weights"].default
    if path is None and name in weights.DOWNLOADS and name not in failures:
        if name not in findings.downloads:
            findings.downloads.append(name)
            findings.notes.append(
                f"detector.weights: {name} is nowhere here; a run will try to download it before the first job"
            )
        return None
    failure = f"; {failures[name]}" if name in failures else ""
    if path is None:
        known = [TRAINED, *(path.name for path in weights.SHIPPED.glob("*.pt"))]
        words = weights.absent("detector.weights", name, words=known) + failure
        absent = f"detector.weights: {name}, {weights.to_be_had(name)}{failure}" if name == default else None
        return _Fault(words, absent)
    return _take_detector(path, config, findings)


def _take_detector(path: Path, config: Config, findings: Findings) -> _Fault | None:
    """Check the detector's weights, as far as they are there, and take them."""
    try:
        if config.detector.weights == TRAINED:
            names = dict(enumerate(CLASSES))
        else:
            with open_weights(path) as held:
                names = dict(held.names)
        vehicle_labels(path, names, config.detector.classes)
    except InputError as error:
        return _Fault(f"detector.weights: {error}")
    findings.detector = path
    return None


def _check_writable(results: Path, findings: Findings) -> None:
    folder = results.absolute()
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        findings.problems.append(f"{results.absolute()}: cannot be written ({folder} is not a writable folder)")
