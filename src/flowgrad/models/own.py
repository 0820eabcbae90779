"""Models of one's own: whether their code can be imported, asked before the first job."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from flowgrad.models.base import Model
from flowgrad.models.registry import MODELS

SOURCE = Path(__file__).parents[2]
"""The folder that jobs find this package in, and what lies beside it."""
IMPORT = "import importlib, sys; getattr(importlib.import_module(sys.argv[1]), sys.argv[2])"


def import_problems(models: Iterable[Model]) -> list[str]:
    """Return why the code of models of one's own cannot be imported where jobs run, one sentence a model.

    It is imported in a process of its own that sees what a job sees, so that neither the working folder hides that it
    is absent, nor the workflow engine holds what it loads.
    """
    own = [model for model in models if model.name not in MODELS.built_in]
    bare = [model.name for model in own if model.load is None and model.boxes is None]
    return [f"models: {name} has no load; give its Model one" for name in bare] + [
        problem for model in own if isinstance(model.load, str) for problem in _problems(model.name, model.load)
    ]


def _problems(name: str, code: str) -> list[str]:
    module, _, attribute = code.partition(":")
    where = f"{name}: {code}"
    if not attribute:
        return [f"{where} is not module:attribute"]
    path = os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")]))
    # -P: as in a job, the working folder is not searched
    done = subprocess.run(
        [sys.executable, "-P", "-c", IMPORT, module, attribute],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return []
    last = (done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"])[-1]
    reason = last.partition("Error: ")[2] or last
    return [f"{where} cannot be imported: {reason}; install its package here, or lay it in {SOURCE}"]
