"""What ``precision: auto`` is in a results folder, noted in ``results/plan/precision.json``.

The process that a person starts resolves it, by its machine. Jobs compute in that wherever they run, so that no table
mixes two; and a run that goes on from another machine makes no map again. It holds until the configuration names a
precision.
"""

from __future__ import annotations

from pathlib import Path

from flowgrad import artifacts
from flowgrad.config import Config
from flowgrad.models.arithmetic import Precision
from flowgrad.models.runtime import processor_alone
from flowgrad.plan import Plan


def noted_precision(results: Path, config: Config) -> Precision | None:
    """Return what ``auto`` was resolved to on the device of a configuration; None where nobody noted it."""
    found: Precision | None = _noted(results).get(_device(config))
    return found


def note_precision(results: Path, config: Config, precision: Precision) -> None:
    """Note what ``auto`` is on the device of a configuration, unless that is known; other devices keep what they are.

    So it takes nothing from another run in the folder.
    """
    artifacts.write_json(_file(results), {_device(config): precision} | _noted(results))


def forget_precision(results: Path) -> None:
    """Let the next ``auto`` go by its machine anew; only where no other run is at work."""
    _file(results).unlink(missing_ok=True)


def _noted(results: Path) -> dict[str, Precision]:
    path = _file(results)
    return artifacts.read_json(path) if path.is_file() else {}


def _device(config: Config) -> str:
    """Return the device as the configuration has it: what a machine makes of ``auto`` may differ between jobs."""
    return "cpu" if processor_alone(config.precision, config.engine) else config.device


def _file(results: Path) -> Path:
    return Plan(results).folder / "precision.json"
