"""Everything that can be known to be wrong before a job starts, all at once, in seconds and without torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from flowgrad import weights
from flowgrad.config import TRAINED, Config, ConfigurationError, DetectorConfig, is_demo, parse, with_demo, without
from flowgrad.datasets import Dataset
from flowgrad.detection.base import CLASSES
from flowgrad.detection.labels import vehicle_labels
from flowgrad.detection.weights_file import open_weights
from flowgrad.errors import InputError
from flowgrad.media import ffmpeg_program
from flowgrad.models.checkpoint_file import check_checkpoint
from flowgrad.models.registry import DEFAULT_MODELS, ModelSpec, get_model
from flowgrad.training_run import start_file, training_problems
from flowgrad.weights import TRAINED_DETECTOR, trained_checkpoint


@dataclass
class Findings:
    """What a check found.

    Attributes:
        problems: what must be mended before a run, one sentence each.
        notes: what a person should know, one sentence each.
        models: the models that will run, in the configuration's order.
        checkpoints: the file of every checkpoint that they need, by its key; trained ones may not be there yet.
        detector: the detector's weights, None where no model needs it.
        dataset: the dataset, opened and read; None where it was not looked at.
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    checkpoints: dict[str, Path] = field(default_factory=dict)
    detector: Path | None = None
    dataset: Dataset | None = None

    def report(self) -> str:
        """Return the problems as one text."""
        lines = [f"{len(self.problems)} problem{'s' if len(self.problems) != 1 else ''} before the first job:"]
        return "\n".join([*lines, *(f"  - {problem}" for problem in self.problems)])


Download = Literal["fetch", "promise", "never"]
"""What to do about known weights that are nowhere: fetch them, say that a run would, or call them absent."""


def check_raw(raw: Mapping[str, Any], results: Path = Path("results"), download: Download = "fetch") -> Findings:
    """Check a configuration as it was read: its own faults, and whatever can be checked beside them.

    A key that cannot be used takes its default for the rest of the check, so that everything is listed at once.
    """
    faults: list[str] = []
    sound = with_demo(raw)
    while True:
        try:
            config = parse(sound)
        except ConfigurationError as error:
            faults += [f"configuration: {fault}" for fault in error.faults]
            remaining = sound
            for place in error.places:
                remaining = without(remaining, place)
            if any(place[0] == "dataset" for place in error.places) or remaining == sound:
                return Findings(problems=faults)
            # models that cannot be read are not to bring faults of their own
            sound = remaining if "models" in remaining or "models" not in sound else remaining | {"models": "available"}
        else:
            findings = check(config, results, download)
            findings.problems[:0] = faults
            if is_demo(raw):
                streets = config.streets.labelled + config.streets.unlabelled
                findings.notes.insert(
                    0,
                    f"no dataset is configured: this is the demo (docs/demo.md); {streets} streets are rendered,"
                    " networks are trained on them, then the table is made",
                )
            return findings


def check(
    config: Config, results: Path = Path("results"), download: Download = "fetch", dataset: bool = True
) -> Findings:
    """Check dataset, weights, ffmpeg and the results folder against the configuration.

    Args:
        config: the parsed configuration.
        results: folder that will be written.
        download: what to do about known detector weights that are nowhere on disk.
        dataset: read the dataset as well (single jobs need only the weights).
    """
    findings = Findings()
    if dataset:
        _check_dataset(config, findings)
    _check_models(config, findings, download)
    if dataset and any(path == trained_checkpoint(key) for key, path in findings.checkpoints.items()):
        findings.problems += [problem for problem in training_problems(config) if problem not in findings.problems]
    _check_ffmpeg(findings)
    image = config.container
    if image and "://" not in image and not Path(image).exists():
        findings.problems.append(
            f"container: {image} not found; build it as docs/cluster.md says, or leave the key out"
        )
    if config.device == "cuda" and not has_gpu():
        findings.notes.append("device: cuda, and this machine has no NVIDIA device: the jobs must run on one that has")
    _check_writable(results, findings)
    return findings


def _check_dataset(config: Config, findings: Findings) -> None:
    findings.dataset = config.open_dataset()
    findings.problems += findings.dataset.problems()


def has_gpu() -> bool:
    """Return whether this machine has an NVIDIA device, without asking torch."""
    return any(Path("/dev").glob("nvidia[0-9]*"))


@dataclass(frozen=True)
class _Fault:
    """What is wrong with the weights of a model; ``absent`` where nobody named a file and none lies in the folder."""

    words: str
    absent: bool = False


def _check_models(config: Config, findings: Findings, download: Download) -> None:
    names = DEFAULT_MODELS if isinstance(config.models, str) else config.models
    wrong: dict[_Fault, list[str]] = {}
    for name in names:
        spec = get_model(name)
        fault = _detector_fault(config, findings, download) if spec.kind == "boxes" else _fault(spec, config, findings)
        if fault is None:
            findings.models.append(name)
        else:
            wrong.setdefault(fault, []).append(name)
    for fault, models in wrong.items():
        # several rows can need one file: say it once
        if fault.absent and config.models == "available":
            findings.notes.append(f"left out {', '.join(models)}: {fault.words}")
        else:
            findings.problems.append(f"{fault.words}; or leave {', '.join(models)} out of models")


def _fault(spec: ModelSpec, config: Config, findings: Findings) -> _Fault | None:
    """Locate and check the checkpoint of a model."""
    if spec.checkpoint is None or spec.checkpoint in findings.checkpoints:
        return None
    key, given = f"checkpoints.{spec.checkpoint}", config.checkpoints.get(spec.checkpoint)
    if given == TRAINED:
        findings.checkpoints[spec.checkpoint] = trained_checkpoint(spec.checkpoint)
        try:
            start_file(config, spec.checkpoint)
        except InputError as error:
            return _Fault(str(error))
        return None
    path = weights.find(given or spec.file or "")
    if path is None:
        return _Fault(weights.absent(key, given or spec.file or "", spec.source), absent=given is None)
    try:
        check_checkpoint(path, spec.checkpoint)
    except InputError as error:
        return _Fault(f"{key}: {error}")
    findings.checkpoints[spec.checkpoint] = path
    return None


def _detector_fault(config: Config, findings: Findings, download: Download) -> _Fault | None:
    """Locate, or fetch, and check the detector's weights."""
    if findings.detector is not None:
        return None
    name = config.detector.weights
    if name == TRAINED:
        return _take_detector(TRAINED_DETECTOR, config, findings)
    path, default = weights.find(name), DetectorConfig.model_fields["weights"].default
    if path is None and name in weights.DOWNLOADS:
        if download == "promise":
            note = f"detector.weights: {name} is nowhere here; a run will try to download it before the first job"
            findings.notes += [note] if note not in findings.notes else []
            return None
        if download == "fetch":
            try:
                path = weights.fetch(name)
                findings.notes.append(f"downloaded {path} and verified its SHA-256")
            except InputError as error:
                return _Fault(f"{weights.absent('detector.weights', name)}; {error}", absent=name == default)
    if path is None:
        return _Fault(weights.absent("detector.weights", name), absent=name == default)
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


def _check_ffmpeg(findings: Findings) -> None:
    if not any(get_model(name).sound for name in findings.models):
        return
    try:
        ffmpeg_program()
    except (RuntimeError, ImportError) as error:
        findings.problems.append(f"no ffmpeg program: {error}; install ffmpeg or the package imageio-ffmpeg")


def _check_writable(results: Path, findings: Findings) -> None:
    folder = results.absolute()
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        findings.problems.append(f"{results}: cannot be written ({folder} is not a writable folder)")
