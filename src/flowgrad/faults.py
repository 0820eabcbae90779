"""What is wrong with given settings, in a person's words: the key, what was expected, what was got.

The words come from the typed model itself (its types and bounds), so that a new key has them without being asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MultipleOf
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from flowgrad.spelling import nearest

UNKNOWN = ("extra_forbidden", "invalid_key")
KEY = "[key]"
"""The library's marks of a key that there is not, and of a fault in a key instead of its value."""
SHOWN = 60
"""Characters of a wrong value that are shown."""
LISTED = 8
"""Keys that are listed to say what was expected."""


@dataclass(frozen=True)
class Fault:
    """One fault: the keys that lead to it, and one sentence that begins with them."""

    place: tuple[str, ...]
    words: str


@dataclass(frozen=True)
class KeysOf:
    """Marks a mapping whose keys are fields of a model, all of them optional."""

    model: type[BaseModel]


class _Kind(NamedTuple):
    """What may stand in a place."""

    annotation: Any
    metadata: tuple[Any, ...] = ()


def misfits(model: type[BaseModel], raw: Mapping[str, Any]) -> list[Fault]:
    """Return what a model would take without a word and nobody means: true for a number, an empty text."""
    return list(_misfits(_Kind(model), raw, ()))


def faults(model: type[BaseModel], error: ValidationError) -> list[Fault]:
    """Return the faults that a model found in what it was given, one a place."""
    found: dict[tuple[str, ...], Fault] = {}
    details = [(_place(model, fault["loc"]), fault) for fault in error.errors()]
    meant = {(*place[:-1], _near(model, place)) for (place, _), fault in details if fault["type"] in UNKNOWN}
    for (place, kind), fault in details:
        if any(other[: len(place)] == place != other for (other, _), _ in details):
            continue  # of the members of a union, the one that came furthest knows best
        if fault["type"] == "missing" and place in meant:
            continue
        found.setdefault(place, Fault(place, f"{_path(place)}: {_words(model, place, kind, fault)}"))
    return list(found.values())


def _words(model: type[BaseModel], place: tuple[str, ...], kind: _Kind, fault: Any) -> str:
    if fault["type"] in UNKNOWN:
        return unknown_key(model, place)
    if fault["type"] == "missing":
        return f"is required{_example(model, place)}"
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    if fault["loc"][-1] == KEY:
        return f"a key is text; write '{place[-1]}', in quotes"
    return _misfit(kind, fault["input"])


def _example(model: type[BaseModel], place: tuple[str, ...]) -> str:
    _, parent = _place(model, place[:-1])
    field = (_fields(parent) or {}).get(place[-1])
    return f"; for example {place[-1]}: {field.examples[0]}" if field is not None and field.examples else ""


def unknown_key(model: type[BaseModel], place: tuple[str, ...]) -> str:
    """Return what is said of a key that does not exist: the one that was probably meant, or those that there are."""
    near = _near(model, place)
    if near is not None:
        return f"unknown key; did you mean {'.'.join((*place[:-1], near))}?"
    everywhere = _leaves(_Kind(model), ())
    elsewhere = nearest(place[-1], everywhere, cutoff=0.85)
    if elsewhere is not None:
        return f"unknown key; did you mean {'.'.join(everywhere[elsewhere])}?"
    return f"unknown key; known: {', '.join(_siblings(model, place))}"


def _near(model: type[BaseModel], place: tuple[str, ...]) -> str | None:
    return nearest(place[-1], _siblings(model, place))


def _siblings(model: type[BaseModel], place: tuple[str, ...]) -> list[str]:
    _, parent = _place(model, place[:-1])
    fields = _fields(parent)
    return list(fields or ())


def _misfit(kind: _Kind, value: Any) -> str:
    """Return what was expected and what was got, and what was probably meant."""
    words = f"expected {_expected(kind)}, got {_shown(value)}"
    if value is None:
        return f"{words}; give it a value"
    choices = list(map(str, _choices(kind)))
    if not isinstance(value, str) or len(value) > SHOWN or not value.isprintable() or not value.strip():
        return f"{words}; write '{value}', in quotes" if str(value) in choices else words
    near = nearest(value, choices)
    if near is not None:
        return f"{words}; did you mean {near}?"
    if any(get_origin(member.annotation) is list for member in _members(kind)):
        return f"{words}; write [{value}]"
    required = [name for name, field in (_fields(kind) or {}).items() if field.is_required()]
    return f"{words}; write {{{required[0]}: {value}}}" if len(required) == 1 else words


# what a kind is made of


def _unwrapped(kind: _Kind) -> _Kind:
    annotation, metadata = kind
    while get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        for one in more:
            metadata += tuple(one.metadata) if isinstance(one, FieldInfo) else (one,)
    return _Kind(annotation, metadata)


def _members(kind: _Kind) -> list[_Kind]:
    """Return the members of a union, or the kind alone."""
    kind = _unwrapped(kind)
    if get_origin(kind.annotation) in (Union, UnionType):
        return [_unwrapped(_Kind(member, kind.metadata)) for member in get_args(kind.annotation)]
    return [kind]


def _fields(kind: _Kind) -> dict[str, FieldInfo] | None:
    """Return the fields below a kind; None where it has no keys of its own."""
    annotation, metadata = _unwrapped(kind)
    for mark in metadata:
        if isinstance(mark, KeysOf):
            annotation = mark.model
    return dict(annotation.model_fields) if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _choices(kind: _Kind) -> list[Any]:
    members = _members(kind)
    return [value for member in members if get_origin(member.annotation) is Literal for value in get_args(member[0])]


def _below(kind: _Kind, part: str | int) -> _Kind | None:
    """Return what may stand below a kind; None where the part is no key or index but the name of a union's member."""
    fields = _fields(kind)
    if fields is not None:
        field = fields.get(str(part))
        return _Kind(field.annotation, tuple(field.metadata)) if field is not None else _Kind(Any)
    for member in _members(kind):
        origin, inner = get_origin(member.annotation), get_args(member.annotation)
        if origin is dict:
            return _Kind(inner[1])
        if origin is list and isinstance(part, int):
            return _Kind(inner[0])
    return None


def _place(model: type[BaseModel], loc: Iterable[str | int]) -> tuple[tuple[str, ...], _Kind]:
    """Return the keys that lead to a fault, without the marks that the library sets between them, and what is there."""
    place: list[str] = []
    kind = _Kind(model)
    for part in loc:
        below = None if part == KEY else _below(kind, part)
        if below is not None:
            entry = isinstance(part, int) and any(get_origin(member.annotation) is list for member in _members(kind))
            place.append(f"entry {int(part) + 1}" if entry else str(part))
            kind = below
    return tuple(place), kind


def _path(place: tuple[str, ...]) -> str:
    keys = [part for part in place if not part.startswith("entry ")]
    return ", ".join([".".join(keys), *place[len(keys) :]])


def _leaves(kind: _Kind, place: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return every key below a kind, by its last part; where two share it, the first."""
    found: dict[str, tuple[str, ...]] = {}
    fields = _fields(kind) or {}
    for name in fields:
        found.setdefault(name, (*place, name))
    for name, field in fields.items():
        for last, path in _leaves(_Kind(field.annotation), (*place, name)).items():
            found.setdefault(last, path)
    return found


def _misfits(kind: _Kind, value: Any, place: tuple[str, ...]) -> Iterator[Fault]:
    kinds = {member.annotation for member in _members(kind)} | set(map(type, _choices(kind)))
    if isinstance(value, Mapping):
        for key, inner in value.items():
            below = _below(kind, str(key))
            if below is not None:
                yield from _misfits(below, inner, (*place, str(key)))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            below = _below(kind, number)
            if below is not None:
                yield from _misfits(below, inner, (*place, f"entry {number + 1}"))
    elif (isinstance(value, bool) and bool not in kinds and kinds & {int, float}) or (
        isinstance(value, str) and not value.strip() and kinds & {str, Path}
    ):
        yield Fault(place, f"{_path(place)}: {_misfit(kind, value)}")


# words


def _expected(kind: _Kind) -> str:
    kinds = [_expected_one(member) for member in _members(kind) if member.annotation is not type(None)]
    return ", or ".join(kinds)


def _expected_one(kind: _Kind) -> str:
    annotation, metadata = kind
    fields = _fields(kind)
    if fields is not None:
        named = f" ({', '.join(fields)})" if len(fields) <= LISTED else ""
        return f"keys and values{named}"
    if get_origin(annotation) is Literal:
        *most, last = map(str, get_args(annotation))
        return f"{', '.join(most)} or {last}" if most else last
    if annotation in (int, float):
        return _number("whole number" if annotation is int else "number", annotation is int, metadata)
    words = {bool: "true or false", str: "text", Path: "a path", list: "a list", dict: "keys and values"}
    return words[get_origin(annotation) or annotation]


def _number(what: str, whole: bool, metadata: tuple[Any, ...]) -> str:
    low = high = ""
    for bound in metadata:
        if isinstance(bound, MultipleOf):
            what = "even number" if bound.multiple_of == 2 else f"multiple of {bound.multiple_of}"
        elif isinstance(bound, Ge):
            low = f" from {bound.ge}"
        elif isinstance(bound, Gt):
            low = f" above {bound.gt}"
        elif isinstance(bound, Le):
            high = f" to {bound.le}"
        elif isinstance(bound, Lt):
            high = f" to {int(str(bound.lt)) - 1}" if whole else f" below {bound.lt}"
    if low.startswith(" above") and high:
        high = f" and{high.replace(' to', ' up to')}"
    if low.startswith(" from") and not high:
        high = " upwards"
    return f"{'an' if what.startswith('even') else 'a'} {what}{low}{high}"


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
