"""Everything that can be known to be wrong before a job starts, all at once, in seconds and without torch."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from flowgrad import weights
from flowgrad.config import Config
from flowgrad.datasets import open_dataset
from flowgrad.errors import InputError, MediaError
from flowgrad.media import ffmpeg_program
from flowgrad.models.checkpoint_file import check_checkpoint
from flowgrad.models.registry import MODELS, ModelSpec, get_model


@dataclass
class Findings:
    """What a check found.

    Attributes:
        problems: what must be mended before a run, one sentence each.
        notes: what a person should know, one sentence each.
        models: the models that will run, in the configuration's order.
        checkpoints: the file of every checkpoint that they need, by its key.
        detector: the detector's weights, None where no model needs it.
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    checkpoints: dict[str, Path] = field(default_factory=dict)
    detector: Path | None = None

    def report(self) -> str:
        """Return the problems as one text."""
        lines = [f"{len(self.problems)} problem{'s' if len(self.problems) != 1 else ''} before the first job:"]
        return "\n".join([*lines, *(f"  - {problem}" for problem in self.problems)])


def check(config: Config, results: Path = Path("results"), download: bool = True, dataset: bool = True) -> Findings:
    """Check dataset, weights, ffmpeg and the results folder against the configuration.

    Args:
        config: the parsed configuration.
        results: folder that will be written.
        download: fetch known detector weights that are nowhere on disk.
        dataset: read the dataset as well (single jobs need only the weights).
    """
    findings = Findings()
    if dataset:
        _check_dataset(config, findings)
    _check_models(config, findings, download)
    _check_ffmpeg(config, findings)
    _check_writable(results, findings)
    return findings


def _check_dataset(config: Config, findings: Findings) -> None:
    findings.problems += open_dataset(config.dataset.format, config.dataset.root).problems()


def _check_models(config: Config, findings: Findings, download: bool) -> None:
    available = config.models == "available"
    names = list(MODELS) if isinstance(config.models, str) else config.models
    wrong: dict[str, list[str]] = {}
    for name in names:
        spec = get_model(name)
        problem = _weights_problem(spec, config, findings, download)
        if problem is None:
            findings.models.append(name)
        else:
            wrong.setdefault(problem, []).append(name)
    for problem, models in wrong.items():
        if available and " not found " in problem:
            findings.notes.append(f"left out {', '.join(models)}: {problem}")
        else:
            # several rows can need one file: say it once
            findings.problems.append(f"{problem}; or leave {', '.join(models)} out of models")
    if not findings.models and not findings.problems:
        findings.problems.append("models: none is available")


def _weights_problem(spec: ModelSpec, config: Config, findings: Findings, download: bool) -> str | None:
    """Locate and check the weights of one model; return what is wrong, None where all is well."""
    if spec.kind == "boxes":
        return _detector_problem(config.detector.weights, findings, download)
    if spec.checkpoint is None or spec.checkpoint in findings.checkpoints:
        return None
    given = config.checkpoints.get(spec.checkpoint)  # type: ignore[call-overload]
    path = weights.find(given or spec.file or "")
    if path is None:
        return weights.absent(f"checkpoints.{spec.checkpoint}", given or spec.file or "")
    try:
        check_checkpoint(path, spec.checkpoint)
    except InputError as error:
        return f"checkpoints.{spec.checkpoint}: {error}"
    findings.checkpoints[spec.checkpoint] = path
    return None


def _detector_problem(name: str, findings: Findings, download: bool) -> str | None:
    if findings.detector is not None:
        return None
    path = weights.find(name)
    if path is None and name in weights.DOWNLOADS and download:
        try:
            path = weights.fetch(name)
            findings.notes.append(f"downloaded {path} and verified its SHA-256")
        except InputError:
            path = None
    if path is None:
        return weights.absent("detector.weights", name)
    if not zipfile.is_zipfile(path):
        return f"detector.weights: {path} is no PyTorch file (not a zip archive)"
    findings.detector = path
    return None


def _check_ffmpeg(config: Config, findings: Findings) -> None:
    if not any(get_model(name).sound for name in findings.models):
        return
    try:
        ffmpeg_program()
    except (RuntimeError, ImportError, MediaError) as error:
        findings.problems.append(f"no ffmpeg program: {error}; install ffmpeg or the package imageio-ffmpeg")


def _check_writable(results: Path, findings: Findings) -> None:
    folder = results.absolute()
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        findings.problems.append(f"{results}: cannot be written ({folder} is not a writable folder)")
