"""What is wrong with given settings, in a person's words: the key, what was expected, what was got.

The words come from the typed models themselves, so that a new key has them without being asked for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from flowgrad.config.kinds import Kind
from flowgrad.spelling import nearest

Place = tuple[str, ...]
"""The keys that lead somewhere; an entry of a list is ``entry 1``, ``entry 2``, ..."""
UNKNOWN = ("extra_forbidden", "invalid_key")
KEY = "[key]"
"""The library's marks of a key that there is not, and of a fault in a key instead of its value."""
SAID = "said"
"""The type of an error that comes with its sentence."""
SHOWN = 60
"""Characters of a wrong value that are shown."""
PLAIN = re.compile(r"[\w./~][^\n]*")
"""A text that can be written as it is, within brackets."""


@dataclass(frozen=True)
class Fault:
    """One fault: the keys that lead to it, and one sentence that begins with them."""

    place: Place
    words: str


def misfits(model: type[BaseModel], raw: Mapping[str, Any]) -> list[Fault]:
    """Return what a model would take without a word and nobody means: true for a number, an empty text."""
    return list(_misfits(Kind(model), raw, ()))


def faults(model: type[BaseModel], error: ValidationError) -> list[Fault]:
    """Return the faults that a model found in what it was given, one a place."""
    found: dict[Place, Fault] = {}
    details = [(*_place(model, fault["loc"]), fault) for fault in error.errors()]
    meant = {(*place[:-1], _near(model, place)) for place, _, fault in details if fault["type"] in UNKNOWN}
    for place, kind, fault in details:
        # of the members of a union, the one that came furthest knows best
        shallow = any(other[: len(place)] == place != other for other, _, _ in details)
        if not shallow and not (fault["type"] == "missing" and place in meant):
            found.setdefault(place, _fault(place, _words(model, place, kind, fault)))
    return list(found.values())


def _fault(place: Place, words: str) -> Fault:
    keys = [part for part in place if not part.startswith("entry ")]
    path = ", ".join([".".join(keys), *place[len(keys) :]])
    return Fault(place, " ".join(f"{path}: {words}".split()))


def _place(model: type[BaseModel], loc: Iterable[str | int]) -> tuple[Place, Kind]:
    """Return the keys that lead to a fault, without the marks that the library sets between them, and what is there."""
    place: list[str] = []
    kind = Kind(model)
    for part in loc:
        below = kind.below(part) if part != KEY else None
        if below is not None:
            place.append(f"entry {part + 1}" if isinstance(part, int) and list in kind.types else str(part))
            kind = below
    return tuple(place), kind


def _words(model: type[BaseModel], place: Place, kind: Kind, fault: Any) -> str:
    if fault["type"] in UNKNOWN:
        return _unknown_key(model, place)
    if fault["type"] == "missing":
        return f"is required{_example(model, place)}"
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    if fault["type"] == SAID:
        return str(fault["msg"])
    if fault["loc"][-1] == KEY:
        return f"a key is text; write '{place[-1]}', in quotes"
    return _misfit(kind, fault["input"])


def _example(model: type[BaseModel], place: Place) -> str:
    fields = _place(model, place[:-1])[1].fields or {}
    examples = fields[place[-1]].examples
    return f"; for example {place[-1]}: {examples[0]}" if examples else ""


def _unknown_key(model: type[BaseModel], place: Place) -> str:
    """Return what is said of a key that there is not: the one that was probably meant, or those that there are."""
    now = _place(model, place[:-1])[1].renamed.get(place[-1])
    if now is not None:
        return f"is called {'.'.join((*place[:-1], now))} now"
    near, everywhere = _near(model, place), Kind(model).leaves()
    elsewhere = nearest(place[-1], everywhere, cutoff=0.85)
    if near is not None:
        return f"unknown key; did you mean {'.'.join((*place[:-1], near))}?"
    if elsewhere is not None:
        return f"unknown key; did you mean {'.'.join(everywhere[elsewhere])}?"
    return f"unknown key; known: {', '.join(_siblings(model, place))}"


def _near(model: type[BaseModel], place: Place) -> str | None:
    return nearest(place[-1], _siblings(model, place))


def _siblings(model: type[BaseModel], place: Place) -> list[str]:
    return list(_place(model, place[:-1])[1].fields or ())


def _misfits(kind: Kind, value: Any, place: Place) -> Iterator[Fault]:
    if isinstance(value, Mapping | list):
        inside = value.items() if isinstance(value, Mapping) else enumerate(value)
        for part, inner in inside:
            below = kind.below(part if isinstance(value, list) else str(part))
            if below is not None:
                name = f"entry {part + 1}" if isinstance(value, list) else str(part)
                yield from _misfits(below, inner, (*place, name))
        return
    number = isinstance(value, bool) and bool not in kind.types and kind.types & {int, float}
    empty = isinstance(value, str) and not value.strip() and kind.types & {str, Path}
    if number or empty:
        yield _fault(place, _misfit(kind, value))


def _misfit(kind: Kind, value: Any) -> str:
    """Return what was expected and what was got, and what was probably meant."""
    words = f"expected {kind.expected()}, got {_shown(value)}"
    choices = list(map(str, kind.choices))
    if value is None:
        return f"{words}; give it a value"
    if not isinstance(value, str) or len(value) > SHOWN or not PLAIN.fullmatch(value):
        return f"{words}; write '{value}', in quotes" if str(value) in choices else words
    near = nearest(value, choices)
    if near is not None:
        return f"{words}; did you mean {near}?"
    if list in kind.types:
        return f"{words}; write [{value}]"
    required = [name for name, field in (kind.fields or {}).items() if field.is_required()]
    return f"{words}; write {{{required[0]}: {value}}}" if len(required) == 1 else words


def _shown(value: Any) -> str:
    import yaml

    if value is None:
        return "nothing"
    if isinstance(value, str):
        return repr(_cut(value)) if value.strip() else "an empty text"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping | list):
        what = "a list" if isinstance(value, list) else "keys and values"
        text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=math.inf).strip()
        return f"{what}: {_cut(text)}"
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
