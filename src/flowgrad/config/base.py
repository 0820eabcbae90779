"""What all sections of the configuration share: strict models, names among known ones, paths."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from flowgrad.config.faults import SAID
from flowgrad.expansion import expanded
from flowgrad.spelling import did_you_mean

TRAINED = "trained"
"""Stands for weights that the run itself trains, where a file could be named."""
SHIPPED = "shipped"
"""Stands for the networks that come with flowgrad, where checkpoints could be listed."""

GivenPath = Annotated[Path, BeforeValidator(expanded)]
GivenName = Annotated[str, BeforeValidator(expanded)]
"""A path, and a name that may be one, with ``~`` and environment variables written out."""


class Strict(BaseModel):
    """A section: no key besides its own, immutable. ``renamed`` tells what keys of earlier versions are called now."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    renamed: ClassVar[dict[str, str]] = {}


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Return what is said of a name that is not known: the one that was probably meant, or those that there are."""
    return f"unknown {what}" + (did_you_mean(name, known) or f"; known: {', '.join(known)}")


def among(known: Callable[[], Iterable[str]], what: str) -> AfterValidator:
    """Accept the known names; ``what`` says what another would be, with its place for the name."""

    def accept(name: str) -> str:
        names = list(known())
        if name not in names:
            raise ValueError(unknown(what.format(name), name, names))
        return name

    return AfterValidator(accept)


def at(key: str, words: str, value: Any) -> ValidationError:
    """Return an error of a validator that lies below what it looks at."""
    fault = InitErrorDetails(type=PydanticCustomError(SAID, "{words}", {"words": words}), loc=(key,), input=value)
    return ValidationError.from_exception_data(key, [fault])


def distinct(names: list[str], known: Iterable[str], what: str) -> list[str]:
    """Accept names that are at least one, and each once."""
    if not names:
        raise ValueError(f"at least one {what} is needed: {', '.join(known)}")
    if len(set(names)) != len(names):
        raise ValueError(f"a {what} is named twice: {', '.join(names)}")
    return names
