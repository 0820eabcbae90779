"""What may stand in a place of typed settings, read off the models: members of a union, keys below, bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MultipleOf
from pydantic import BaseModel
from pydantic.fields import FieldInfo

LISTED = 8
"""Keys that are listed to say what is expected."""
PLAIN = {bool: "true or false", str: "text", Path: "a path", list: "a list", dict: "keys and values"}


@dataclass(frozen=True)
class KeysOf:
    """Marks a mapping whose keys are some fields, all of them optional; and what some were called before."""

    known: Callable[[], dict[str, FieldInfo]]
    renamed: Mapping[str, str]


@dataclass(frozen=True)
class Kind:
    """What may stand in a place: a type annotation, and what is said beside it (bounds, a :class:`KeysOf`)."""

    annotation: Any
    metadata: tuple[Any, ...] = ()

    @classmethod
    def of(cls, field: FieldInfo) -> Kind:
        """Return what may stand in a field."""
        return cls(field.annotation, tuple(field.metadata))

    @cached_property
    def members(self) -> list[Kind]:
        """Return the members of a union, or the kind alone."""
        if get_origin(self.annotation) is Annotated:
            annotation, *marks = get_args(self.annotation)
            said = [one for mark in marks for one in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
            return Kind(annotation, (*self.metadata, *said)).members
        if get_origin(self.annotation) in (Union, UnionType):
            return [kind for member in get_args(self.annotation) for kind in Kind(member, self.metadata).members]
        return [self]

    @property
    def fields(self) -> dict[str, FieldInfo] | None:
        """Return the fields below; None where there are no keys of its own."""
        for mark in self.metadata:
            if isinstance(mark, KeysOf):
                return mark.known()
        model = self._model
        return dict(model.model_fields) if model is not None else None

    @property
    def _model(self) -> type[BaseModel] | None:
        """Return the model that is meant, None where it is none."""
        model = self.annotation
        return model if isinstance(model, type) and issubclass(model, BaseModel) else None

    @property
    def renamed(self) -> Mapping[str, str]:
        """Return what keys of earlier versions are called now."""
        for mark in self.metadata:
            if isinstance(mark, KeysOf):
                return mark.renamed
        return getattr(self._model, "renamed", {})

    @property
    def choices(self) -> list[Any]:
        """Return the values that are listed one by one."""
        listed = [member.annotation for member in self.members if get_origin(member.annotation) is Literal]
        return [value for literal in listed for value in get_args(literal)]

    @property
    def types(self) -> set[Any]:
        """Return the types of a single value or of the whole that may stand here."""
        plain = {get_origin(member.annotation) or member.annotation for member in self.members}
        return plain | set(map(type, self.choices))

    def below(self, part: str | int) -> Kind | None:
        """Return what may stand under a key, or in an entry of a list; None where there is no such thing."""
        if self.fields is not None:
            field = self.fields.get(str(part))
            return Kind.of(field) if field is not None else Kind(Any)
        for member in self.members:
            origin, inner = get_origin(member.annotation), get_args(member.annotation)
            if origin is dict:
                return Kind(inner[1])
            if origin is list and isinstance(part, int):
                return Kind(inner[0])
        return None

    def leaves(self, place: tuple[str, ...] = ()) -> dict[str, tuple[str, ...]]:
        """Return the keys that lead to every key below, by its last one; where two share it, the nearer."""
        fields = self.fields or {}
        found = {name: (*place, name) for name in fields}
        for name, field in fields.items():
            found = Kind.of(field).leaves((*place, name)) | found
        return found

    def expected(self) -> str:
        """Return what may stand here, in a person's words."""
        return ", or ".join(member._words() for member in self.members if member.annotation is not type(None))

    def _words(self) -> str:
        if self.fields is not None:
            return "keys and values" + (f" ({', '.join(self.fields)})" if len(self.fields) <= LISTED else "")
        if self.choices:
            *most, last = map(str, self.choices)
            return f"{', '.join(most)} or {last}" if most else last
        if self.annotation in (int, float):
            return self._number()
        return PLAIN[get_origin(self.annotation) or self.annotation]

    def _number(self) -> str:
        whole = self.annotation is int
        what, low, high = "a whole number" if whole else "a number", "", ""
        for bound in self.metadata:
            if isinstance(bound, MultipleOf):
                what = "an even number" if bound.multiple_of == 2 else f"a multiple of {bound.multiple_of}"
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
        return what + low + high
