"""What is known by name: models, datasets, metrics, threshold rules, flow estimators. One kind of list for all.

Built-in entries come first. A package adds its own by an entry point, a file that ``plugins`` of the configuration
names by :func:`flowgrad.plugins.load_files`. Nothing that computes a result imports a registry, so that an entry
more redoes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, TypeVar

from flowgrad.errors import InputError
from flowgrad.spelling import did_you_mean


class Named(Protocol):
    """Anything that has a name."""

    @property
    def name(self) -> str:
        """Return the name, as in the configuration."""


T = TypeVar("T", bound=Named)


class Registry(Mapping[str, T]):
    """The entries of one kind by name, in the order in which they came.

    Args:
        kind: what an entry is.
        what: its name for people.
        group: the entry points that add to it.
        built_in: the entries that come with flowgrad.
    """

    def __init__(self, kind: type[T], what: str, group: str, built_in: Iterable[T]):
        self.kind, self.what, self.group = kind, what, group
        self._own = {entry.name: entry for entry in built_in}
        self._added: dict[str, T] = {}

    @cached_property
    def _installed(self) -> dict[str, T]:
        found: dict[str, T] = {}
        for point in sorted(entry_points(group=self.group), key=lambda point: point.name):
            entry = self._loaded(point)
            if entry.name in self._own or entry.name in found:
                raise InputError(f"{_origin(point)}: there is a {self.what} {entry.name!r} already; rename it")
            found[entry.name] = entry
        return found

    def _loaded(self, point: EntryPoint) -> T:
        try:
            entry = point.load()
        except Exception as error:
            raise InputError(f"{_origin(point)} cannot be imported: {error}; mend or uninstall it") from error
        if not isinstance(entry, self.kind):
            raise InputError(f"{_origin(point)} is no {self.kind.__name__}, but {type(entry).__name__}")
        return entry

    @property
    def _all(self) -> dict[str, T]:
        return self._own | self._installed | self._added

    def add(self, entry: T) -> None:
        """Add an entry; the same name again, from a file that is read anew, replaces it.

        Raises ``InputError`` where the name is that of a built-in or installed entry.
        """
        if entry.name in self._own or entry.name in self._installed:
            raise InputError(f"there is a {self.what} {entry.name!r} already; rename it")
        self._added[entry.name] = entry

    @property
    def built_in(self) -> list[str]:
        """Return the names that come with flowgrad."""
        return list(self._own)

    def get_known(self, name: str) -> T:
        """Return the entry of this name; raises ``InputError`` with the one that was probably meant, or all."""
        known = self._all
        if name not in known:
            hint = did_you_mean(name, known) or f": use one of {', '.join(known)}"
            raise InputError(f"unknown {self.what} {name!r}{hint}")
        return known[name]

    def __getitem__(self, name: str) -> T:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


def _origin(point: EntryPoint) -> str:
    package = point.dist.name if point.dist else "an installed package"
    return f"entry point {point.name} = {point.value} of {package}"
