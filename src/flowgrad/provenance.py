"""Digests of the code behind a result, so that an edit redoes what depends on it and nothing else.

The workflow engine sees only the thin rule scripts; it is given this digest as a parameter of each rule. What is
compared is the parsed code without comments, docstrings and descriptions of settings: words redo nothing.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from flowgrad import artifacts

PACKAGE = Path(__file__).parent
WORDS = frozenset({"description", "examples"})
"""Keyword arguments that only people read."""
NOT_BEHIND = frozenset({"flowgrad"})
"""The package itself, whose names are there for people's imports."""


class Gist(NamedTuple):
    """What counts of a module: its file's SHA-256, the names that it imports from its own package or this one, and
    the SHA-256 of what it does.
    """

    source: str
    names: list[str]
    does: str


KEPT = Path(importlib.util.cache_from_source(__file__)).with_suffix(".json")
"""What parsing found, beside Python's own bytecode: it takes a second of every start."""


@cache
def _kept() -> dict[str, Gist]:
    """Return what earlier processes found, by module; nothing where this file did otherwise then."""
    try:
        kept = json.loads(KEPT.read_bytes())
        return {module: Gist(*gist) for module, gist in kept.items()} if kept.pop("by") == _of(__name__) else {}
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return {}  # not there yet, or damaged: it is written again


def _of(module: str) -> str:
    """Return the SHA-256 of a module's file, and of its name: a package's relative imports mean something else."""
    path = _path(module)
    return hashlib.sha256(f"{path.name if path is not None else ''}\0".encode() + (_source(module) or b"")).hexdigest()


@cache
def _gist(module: str) -> Gist:
    source, kept = _of(module), _kept().get(module)
    if kept is None or kept.source != source:
        tree = ast.parse(_source(module) or b"")
        does = hashlib.sha256(meaning(tree).encode()).hexdigest()
        kept = _kept()[module] = Gist(source, sorted(_named(module, tree)), does)
    return kept


def _keep() -> None:
    """Write what was found, for the next process; where nothing can be written, that parses again."""
    with contextlib.suppress(OSError, artifacts.ArtifactError), artifacts.replacing(KEPT) as temporary:
        temporary.write_text(json.dumps({"by": _of(__name__)} | _kept()))


def _named(module: str, tree: ast.Module) -> set[str]:
    """Return the names below this package, and below the module's own, that import statements name."""
    found = set()
    for node in _statements(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node)
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        ours = (PACKAGE.name, module.split(".")[0])
        found |= {name for name in names if name.split(".")[0] in ours}
    return found


def _absolute(module: str, node: ast.ImportFrom) -> str:
    """Return the module that a ``from`` statement names, a relative one in full."""
    if not node.level:
        return node.module or ""
    # a package is its own first parent
    source = _path(module)
    parts = module.split(".") if source is not None and source.name == "__init__.py" else module.split(".")[:-1]
    return ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all statements that run; what stands under ``if TYPE_CHECKING`` does not."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            if isinstance(node, ast.stmt):
                yield node
            yield from _statements(node)


@cache
def _path(module: str) -> Path | None:
    """Return the file of a module, of this package or another; None where the name is no Python module."""
    top, *below = module.split(".")
    loaded = sys.modules.get(top)
    if top == PACKAGE.name:
        first: Path | None = PACKAGE / "__init__.py"
    elif loaded is not None:
        first = Path(getattr(loaded, "__file__", None) or "")
    else:
        spec = importlib.util.find_spec(top)
        first = Path(spec.origin) if spec is not None and spec.origin else None
    if first is None or not below:
        path = first
    elif first.name == "__init__.py":
        inner = first.parent.joinpath(*below)
        path = inner / "__init__.py" if inner.is_dir() else inner.with_suffix(".py")
    else:
        path = None
    return path if path is not None and path.suffix == ".py" and path.is_file() else None


@cache
def _source(module: str) -> bytes | None:
    path = _path(module)
    return path.read_bytes() if path is not None else None


def meaning(code: ast.AST) -> str:
    """Return what code does, as text that comments, docstrings, descriptions and layout do not change.

    >>> meaning(ast.parse("x = 1  # one")) == meaning(ast.parse("'A number.'\\nx = 1"))
    True
    """
    parts: list[str] = []
    _write(code, parts.append)
    return "".join(parts)


def _write(node: ast.AST, say: Callable[[str], None]) -> None:
    say(f"{type(node).__name__}(")
    for name in node._fields:
        value = getattr(node, name, None)
        values = value if isinstance(value, list) else [value] if value is not None else []
        values = [one for one in values if not _is_words(one)]
        # what is empty is left out: a later Python knows more fields
        if values:
            say(f"{name}=")
        for one in values:
            if isinstance(one, ast.AST):
                _write(one, say)
            else:
                say(repr(one))
            say(",")
    # None is a value, too
    say("None)" if isinstance(node, ast.Constant) and node.value is None else ")")


def _is_words(node: Any) -> bool:
    """Return whether people alone read it: a text that stands alone, or a description."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return isinstance(node, ast.keyword) and node.arg in WORDS


def modules_behind(*roots: str) -> list[str]:
    """Return the modules of this package that ``roots`` import, directly or not, themselves included, sorted."""
    pending, seen = list(roots), set[str]()
    while pending:
        module = pending.pop()
        if module not in seen and module not in NOT_BEHIND:
            seen.add(module)
            pending += [name for name in _gist(module).names if _source(name) is not None]
    return sorted(seen)


@cache
def code_digest(*roots: str) -> str:
    """Return a SHA-256 over what all modules behind ``roots`` (``flowgrad.stages.flow``, ...) do."""
    digest, known = hashlib.sha256(), dict(_kept())
    for module in modules_behind(*roots):
        digest.update(module.encode() + b"\0" + bytes.fromhex(_gist(module).does))
    if _kept() != known and not sys.dont_write_bytecode:
        _keep()
    return digest.hexdigest()[:16]
