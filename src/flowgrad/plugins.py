"""Files of one's own that add models, datasets, metrics, threshold rules and flow estimators: ``plugins``.

A plugin is a Python file. Every object in it of one of the kinds below is added under its name, as an installed
package adds them by entry points (``flowgrad.models``, ``flowgrad.datasets``, ``flowgrad.metrics``,
``flowgrad.thresholds``, ``flowgrad.flow``).
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flowgrad.datasets.registry import FORMATS
from flowgrad.errors import InputError, first_line
from flowgrad.evaluation.registry import METRICS, THRESHOLDS
from flowgrad.expansion import expanded
from flowgrad.flow.registry import ESTIMATORS
from flowgrad.models.registry import MODELS
from flowgrad.registry import Registry

REGISTRIES: tuple[Registry[Any], ...] = (MODELS, FORMATS, METRICS, THRESHOLDS, ESTIMATORS)


def load_files(paths: Iterable[str | Path]) -> None:
    """Read plugin files and add what they hold.

    Raises ``InputError`` naming the file where it is absent, fails, or adds nothing.
    """
    files = [Path(str(expanded(str(given)))) for given in paths]
    for file in files:
        alike = [str(other) for other in files if other.stem == file.stem]
        if len(alike) > 1:
            raise InputError(f"plugins: {' and '.join(alike)} are called alike; rename one of them")
    for file in files:
        _load(file)


def _load(path: Path) -> None:
    where = f"plugins: {path}"
    if not path.is_file():
        raise InputError(f"{where}: expected a Python file, there is no {path.absolute()}")
    if path.suffix != ".py":
        raise InputError(f"{where}: expected a Python file, whose name ends in .py")
    name = f"flowgrad_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None, path
    assert spec.loader is not None, path
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except InputError as error:
        del sys.modules[name]
        raise InputError(f"{where}: {error}") from error
    except Exception as error:
        del sys.modules[name]
        raise InputError(f"{where}: {type(error).__name__}: {first_line(error)}") from error
    added = 0
    for value in vars(module).values():
        for registry in REGISTRIES:
            # what a plugin imports to build on is there already
            if isinstance(value, registry.kind) and registry.get(value.name) is not value:
                try:
                    registry.add(value)
                except InputError as error:
                    raise InputError(f"{where}: {error}") from error
                added += 1
    if not added:
        kinds = ", ".join(registry.kind.__name__ for registry in REGISTRIES)
        raise InputError(f"{where}: adds nothing; make an object of one of {kinds} in it")
