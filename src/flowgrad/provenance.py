"""Digests of the code behind a stage, so that an edit of the package reruns what depends on it and nothing else.

The workflow engine sees only the thin rule scripts; it is given this digest as a parameter of each rule.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent

NOT_BEHIND = frozenset({"flowgrad", "flowgrad.models.registry"})
"""Modules that name others without being behind any: a new registry line must not redo the models that were there."""


@cache
def _imports(module: str) -> frozenset[str]:
    """Return the modules of this package, and of the module's own, that its import statements name."""
    found = set()
    for node in ast.walk(ast.parse(_source(module) or b"")):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        ours = (PACKAGE.name, module.split(".")[0])
        found |= {name for name in names if name.split(".")[0] in ours and _source(name) is not None}
    return frozenset(found)


@cache
def _source(module: str) -> bytes | None:
    """Return the source of a module, of this package or a model's own; None where the name is no Python module."""
    parent, _, _ = module.rpartition(".")
    if parent and _source(parent) is None:
        return None
    if module.split(".")[0] == PACKAGE.name:
        path = PACKAGE.joinpath(*module.split(".")[1:])
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    else:
        spec = importlib.util.find_spec(module)
        path = Path(spec.origin) if spec is not None and spec.origin else Path()
    return path.read_bytes() if path.suffix == ".py" and path.is_file() else None


def modules_behind(*roots: str) -> list[str]:
    """Return the modules of this package that ``roots`` import, directly or not, themselves included, sorted."""
    pending, seen = list(roots), set[str]()
    while pending:
        module = pending.pop()
        if module not in seen and module not in NOT_BEHIND:
            seen.add(module)
            pending += _imports(module)
    return sorted(seen)


@cache
def code_digest(*roots: str) -> str:
    """Return a SHA-256 over the source of all modules behind ``roots`` (``flowgrad.stages.flow``, ...)."""
    digest = hashlib.sha256()
    for module in modules_behind(*roots):
        digest.update(module.encode() + b"\0" + (_source(module) or b"") + b"\0")
    return digest.hexdigest()[:16]
