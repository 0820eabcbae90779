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
from flowgrad.models.registry import MODELS, required, trainable

ABSENT, TO_TRAIN, FITS, MISFITS, FOUND = "absent", "to be trained", "fits", "does not fit", "found"
BRIEF = 100
"""Letters of what is said of a file that does not fit; ``flowgrad check`` says all."""


@dataclass(frozen=True)
class Known:
    """A file with weights.

    Attributes:
        file: its published name.
        users: the models that it is for, or the flow estimator.
        whence: where to get it, or what makes it.
        licence: as stated by who publishes it; empty where it is not.
        state: one of those above; ``FOUND``: it is here, and what it holds is not looked at before a run.
        path: where it is; None where it is absent.
        fault: why it does not fit, one line.
        trained_on: the data set that it learnt from; empty where that is not stated.
        hint: how it is taken, where it is here and a run would not; else empty.
    """

    file: str
    users: list[str]
    whence: str
    licence: str
    state: str
    path: Path | None = None
    fault: str = ""
    trained_on: str = ""
    hint: str = ""


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
        *(known for key, each in needed.items() for known in _checkpoints(each, users[key], config)),
        _detector(config),
        *_estimators(config),
        _first_start(),
    ]


def _first_start() -> Known:
    """Return the encoder that trainings start from; whether it fits is seen there, for it depends on the width."""
    users = [f"training of {name}" for name in trainable() if MODELS[name].training.init == "imagenet"]  # type: ignore[union-attr]
    path = weights.find(weights.IMAGENET)
    whence = "torchvision, ResNet18_Weights.IMAGENET1K_V1"
    licence, learnt = weights.LICENCES[weights.IMAGENET], weights.TRAINED_ON[weights.IMAGENET]
    return Known(weights.IMAGENET, users, whence, licence, ABSENT if path is None else FOUND, path, "", learnt)


def _checkpoints(needed: Weights, users: list[str], config: Config) -> list[Known]:
    """Return the files that are published for a key; the one that a run would take stands where its name says."""
    given = config.checkpoints.get(needed.key)
    taken = next((other for other in needed.others if given is not None and Path(given).name == other.file), needed)
    return [_checkpoint(one, users, given, one is taken) for one in (needed, *needed.others)]


def _checkpoint(needed: Weights, users: list[str], given: str | Path | None, taken: bool) -> Known:
    """Return what is known of a file, which is that of the configuration (``given``) where it is ``taken``."""
    given = given if taken else None
    whence = ([] if needed.published else ["not published"]) + ([needed.source] if needed.source else [])
    whence += [f"or train it: target train, training: {{methods: [{name}]}}" for name in users if _makes(name, needed)]
    path = weights.find(weights.trained_checkpoint(needed.key) if given == TRAINED else given or needed.file)
    state, fault = (TO_TRAIN if given == TRAINED else ABSENT, "") if path is None else (FITS, "")
    if path is not None:
        try:
            check_layout(path, needed.layout)
        except InputError as error:
            fits = in_configuration(path) if isinstance(error, LayoutError) else ""
            state, fault = MISFITS, _brief(path, error) + fits
    hint = "" if taken or state != FITS else f"; to take it name it under checkpoints.{needed.key}"
    source = "; ".join(whence) or "not stated"
    return Known(needed.file, users, source, needed.licence, state, path, fault, needed.trained_on, hint)


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
    licence, learnt = weights.LICENCES.get(name, ""), weights.TRAINED_ON.get(name, "")
    return Known(name, users, whence, licence, state, path, fault, learnt)


def _estimators(config: Config) -> list[Known]:
    found = []
    for estimator in ESTIMATORS.values():
        if estimator.file is not None:
            given = config.flow.weights if config.flow.estimator == estimator.name else None
            path = weights.find(given or estimator.file)
            state = ABSENT if path is None else FOUND
            whence = estimator.source or "not stated"
            users, learnt = [f"flow: {estimator.name}"], weights.TRAINED_ON.get(estimator.file, "")
            found.append(Known(estimator.file, users, whence, "", state, path, trained_on=learnt))
    return found
