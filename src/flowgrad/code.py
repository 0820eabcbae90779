"""Where something is implemented: named as text, imported where it is used."""

from __future__ import annotations

import functools
import importlib
import operator
from collections.abc import Callable
from typing import Any

from flowgrad.errors import InputError

Code = str | Callable[..., Any]
"""Where something is implemented: ``module:attribute``, imported where it is used, or the object itself."""


def named(code: Code) -> str:
    """Return an implementation as ``module:attribute``; of a ``functools.partial`` what it calls, and with what."""
    if isinstance(code, str):
        return code
    if isinstance(code, functools.partial):
        return f"{named(code.func)} {code.args} {code.keywords}"
    return f"{code.__module__}:{getattr(code, '__qualname__', type(code).__qualname__)}"


def module_of(code: Code) -> str:
    """Return the module that an implementation lies in."""
    return named(code).split(":")[0]


def implementation(name: str, code: Code) -> Any:
    """Import and return an implementation.

    Raises ``InputError`` where it cannot be imported.
    """
    if not isinstance(code, str):
        return code
    module, _, attribute = code.partition(":")
    try:
        return operator.attrgetter(attribute)(importlib.import_module(module))
    except (ImportError, AttributeError) as error:
        raise InputError(f"{name}: {code} cannot be imported: {error}") from error
