"""Reading a JSON file of annotations: what is wrong with it is one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from flowgrad.errors import InputError

Read = TypeVar("Read", list[Any], dict[str, Any])


def read_json(path: Path, kind: type[Read], what: str) -> Read:
    """Return the content of a JSON file.

    Args:
        path: the file.
        kind: list or dict, the type that its content must have.
        what: what the file holds, for a sentence: it is no ``what``.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: file not found; it belongs to the dataset") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: is no JSON: line {error.lineno}, column {error.colno}: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text in UTF-8") from error
    if not isinstance(value, kind):
        raise InputError(f"{path}: is no {what}")
    return value


def is_number(value: Any) -> bool:
    """Return whether a value of JSON is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
