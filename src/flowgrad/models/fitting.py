"""Which model a checkpoint is of, where it is not of the one that it was given for. No torch.

It asks the registry, so it stands behind no stage: only what speaks to people before a result calls it.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from flowgrad.errors import InputError
from flowgrad.models.base import Model
from flowgrad.models.checkpoint_file import check_layout
from flowgrad.models.registry import MODELS


def fitting(path: Path) -> list[Model]:
    """Return the models whose layout a checkpoint fits; of those that share a checkpoint the first."""
    found: dict[str, Model] = {}
    for model in MODELS.values():
        weights = model.weights
        if weights is not None and weights.layout is not None and weights.key not in found:
            with suppress(InputError):
                check_layout(path, weights.layout)
                found[weights.key] = model
    return list(found.values())


def in_configuration(path: Path) -> str:
    """Return which key of ``checkpoints`` a file is for, to stand behind a fault; empty where it fits none."""
    return "".join(
        f"; it fits {_called(model)}: name it under checkpoints.{model.weights.key}"
        for model in fitting(path)
        if model.weights is not None
    )


def in_python(path: Path) -> str:
    """Return which model can be loaded from a file, to stand behind a fault; empty where none can."""
    return "".join(
        f"; it fits {_called(model)}" + (f": load_model({model.name!r}, ...)" if model.presets else "")
        for model in fitting(path)
    )


def _called(model: Model) -> str:
    return model.name if model.presets else f"{model.name}, which trainings start from and which makes no maps"
