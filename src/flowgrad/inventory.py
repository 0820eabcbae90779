"""The weights that models, the detector and the flow estimators know by name: where to get them, and what is here.

Nothing is loaded: of a file that is here, keys and shapes are read (:mod:`flowgrad.models.checkpoint_file`).
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

from flowgrad import weights
from flowgrad.config import TRAINED, Config, DetectorConfig
from flowgrad.detection.weights_file import open_weights
from flowgrad.errors import InputError
from flowgrad.flow.registry import ESTIMATORS
from flowgrad.models.base import Weights
from flowgrad.models.checkpoint_file import LayoutError, check_layout
from flowgrad.models.fitting import in_configuration
from flowgrad.models.registry import MODELS, required

ABSENT, TO_TRAIN, FITS, MISFITS, FOUND = "absent", "to be trained", "fits", "does not fit", "found"
BRIEF = 100
"""Letters of what is said of a file that does not fit; ``flowgrad check`` says all."""


@dataclass(frozen=True)
class Known:
    """A file with weights.

    Attributes:
        file: its published name.
        users: the models that need it, or the flow estimator.
        whence: where to get it, or what makes it.
        licence: as stated by who publishes it; empty where it is not.
        state: one of those above; ``FOUND``: it is here, and what it holds is not looked at before a run.
        path: where it is; None where it is absent.
        fault: why it does not fit, one line.
    """

    file: str
    users: list[str]
    whence: str
    licence: str
    state: str
    path: Path | None = None
    fault: str = ""


def known_weights(config: Config) -> list[Known]:
    """Return all known weights, with what a run of this configuration would find of them."""
    needed: dict[str, Weights] = {}
    users: dict[str, list[str]] = {}
    for name in MODELS:
        try:
            models = required([name])
        except InputError:
            # a plugin's that starts from one that there is not: a check says so
            continue
        for model in models:
            if model.weights is not None:
                needed.setdefault(model.weights.key, model.weights)
                users.setdefault(model.weights.key, []).append(name)
    return [
        *(_checkpoint(each, users[key], config) for key, each in needed.items()),
        _detector(config),
        *_estimators(config),
    ]


def _checkpoint(needed: Weights, users: list[str], config: Config) -> Known:
    whence = ([] if needed.published else ["not published"]) + ([needed.source] if needed.source else [])
    whence += [f"or train it: target train, training: {{methods: [{name}]}}" for name in users if _makes(name, needed)]
    given = config.checkpoints.get(needed.key)
    path = weights.find(weights.trained_checkpoint(needed.key) if given == TRAINED else given or needed.file)
    state, fault = (TO_TRAIN if given == TRAINED else ABSENT, "") if path is None else (FITS, "")
    if path is not None:
        try:
            check_layout(path, needed.layout)
        except InputError as error:
            fits = in_configuration(path) if isinstance(error, LayoutError) else ""
            state, fault = MISFITS, _brief(path, error) + fits
    return Known(needed.file, users, "; ".join(whence) or "not stated", needed.licence, state, path, fault)


def _brief(path: Path, error: InputError) -> str:
    """Return what is wrong with a file, without its name, and without the end of a long list of keys."""
    return textwrap.shorten(str(error).removeprefix(f"{path}: "), BRIEF, placeholder=" ...")


def _makes(name: str, needed: Weights) -> bool:
    """Return whether the training of a model makes a checkpoint."""
    return MODELS[name].training is not None and MODELS[name].weights == needed


def _detector(config: Config) -> Known:
    name = DetectorConfig.model_fields["weights"].default
    given = config.detector.weights
    users = [model.name for model in MODELS.values() if model.boxes is not None]
    path = weights.find(weights.TRAINED_DETECTOR if given == TRAINED else given)
    state, fault = (TO_TRAIN if given == TRAINED else ABSENT, "") if path is None else (FITS, "")
    if path is not None:
        try:
            with open_weights(path):
                pass
        except InputError as error:
            state, fault = MISFITS, _brief(path, error)
    whence = f"{weights.DOWNLOADS[name][0]} (a run downloads it)"
    return Known(name, users, whence, weights.LICENCES.get(name, ""), state, path, fault)


def _estimators(config: Config) -> list[Known]:
    found = []
    for estimator in ESTIMATORS.values():
        if estimator.file is not None:
            given = config.flow.weights if config.flow.estimator == estimator.name else None
            path = weights.find(given or estimator.file)
            state = ABSENT if path is None else FOUND
            whence = estimator.source or "not stated"
            found.append(Known(estimator.file, [f"flow: {estimator.name}"], whence, "", state, path))
    return found
