"""A working folder for each dataset: ``runs/NAME``, where ``flowgrad run FOLDER`` runs and puts ``results/``."""

from __future__ import annotations

import re
from pathlib import Path

from flowgrad.config import Config
from flowgrad.errors import InputError
from flowgrad.origin import configured, origin_of, refusal

OF_ONE_NAME = 99


def work_folder(config: Config, runs: Path) -> Path:
    """Return the working folder of a dataset in ``runs``: ``NAME``, that of its folder, or ``NAME-2`` ...

    The number tells datasets of one name apart, in the order in which they came. A folder that holds the dataset's
    results is preferred to one that could take them.

    Raises ``InputError`` where there are too many.
    """
    name = re.sub(r"[^\w.-]+", "_", config.dataset.root.resolve().name) or "dataset"
    places = [runs / name, *(runs / f"{name}-{number}" for number in range(2, OF_ONE_NAME + 1))]
    origins = {place: origin_of(place / "results") for place in places}
    here, dataset = configured(config), config.open_dataset()
    usable = None if dataset.problems() else dataset
    for place in sorted(places, key=lambda place: (origins[place] != here, origins[place] is None)):
        if refusal(place / "results", config, usable) is None:
            return place
    raise InputError(f"{runs}: holds the results of {OF_ONE_NAME} other datasets named {name}; remove some")
