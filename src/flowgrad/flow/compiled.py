"""Functions that numba compiles for the processor that they run on, and where the compiled code is kept.

It is kept in the user's cache folder, ``~/.cache/flowgrad`` or where NUMBA_CACHE_DIR says, in a folder for each kind of
processor: the nodes of a cluster share a home, and no node may run code that was compiled for another kind.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from llvmlite import binding

log = logging.getLogger(__name__)

OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
"""No fast arithmetic: what is added in another order is another number."""
_UNUSABLE = (
    OSError, RuntimeError, pickle.PickleError, EOFError, AttributeError, ImportError, LookupError, ValueError, TypeError
)  # fmt: skip
"""What numba raises where its cache cannot be written, or holds something else than it wrote."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(signature: str) -> Callable[[_Function], _Function]:
    """Return a decorator that compiles a function at once, or takes it from where an earlier process has put it."""

    def decorated(function: _Function) -> _Function:
        kept = folder()
        with _settings(kept):
            try:
                found = numba.njit(signature, cache=True, **OPTIONS)(function)
            except _UNUSABLE as error:
                # what is wrong with the function itself is raised once more
                found = numba.njit(signature, **OPTIONS)(function)
                _say_unkept(kept, f"{type(error).__name__}: {error}")
        if found.stats.cache_misses:
            _say_once()
        return found  # type: ignore[no-any-return]

    return decorated


@contextmanager
def _settings(kept: Path) -> Iterator[None]:
    """Set what numba reads nowhere but in its configuration, and put it back."""
    before = numba.config.SLP_VECTORIZE, numba.config.CACHE_DIR
    # neighbours in memory in one instruction: numba leaves this pass of the compiler out unless it is asked
    numba.config.SLP_VECTORIZE, numba.config.CACHE_DIR = 1, str(kept)
    try:
        yield
    finally:
        numba.config.SLP_VECTORIZE, numba.config.CACHE_DIR = before


def folder() -> Path:
    """Return where code compiled for this processor is kept."""
    name = binding.get_host_cpu_name()
    kind = f"{name} {binding.get_host_cpu_features().flatten()} {sorted(OPTIONS.items())}"
    users = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    root = numba.config.CACHE_DIR or os.path.join(users, "flowgrad")
    return Path(root) / f"{name}-{hashlib.sha256(kind.encode()).hexdigest()[:8]}"


@cache
def _say_once() -> None:
    log.info("optical flow is compiled for this processor: some seconds, once")


@cache
def _say_unkept(kept: Path, reason: str) -> None:
    log.warning(
        "compiled code cannot be kept in %s (%s): each job compiles for some seconds; delete that folder, or name "
        "another with NUMBA_CACHE_DIR", kept, reason,
    )  # fmt: skip
