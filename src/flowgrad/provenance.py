"""Digests of the code behind a stage, so that an edit of the package reruns what depends on it and nothing else.

The workflow engine sees only the thin rule scripts; it is given this digest as a parameter of each rule.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent

NOT_BEHIND = frozenset({"flowgrad", "flowgrad.models.registry"})
"""Modules that name others without being behind any: a new registry line must not redo the models that were there."""


@cache
def _imports(module: str) -> frozenset[str]:
    """Return the modules of this package that a module names in an import statement, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(_file(module).read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        found |= {name for name in names if name.split(".")[0] == PACKAGE.name and _exists(name)}
    return frozenset(found)


def _file(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _exists(module: str) -> bool:
    return _file(module).is_file()


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
        digest.update(module.encode() + b"\0" + _file(module).read_bytes() + b"\0")
    return digest.hexdigest()[:16]
