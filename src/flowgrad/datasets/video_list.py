"""Videos without boxes that a table names: what AVE and MUSIC have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from flowgrad.datasets.base import Annotations, Clip
from flowgrad.datasets.folder import Listing, folder_problem, left_out, listing, named
from flowgrad.errors import InputError


class VideoList(ABC):
    """A dataset of videos that a table names, or the part of it that ``split`` names."""

    labelled = False
    layout: ClassVar[str]
    """What the root holds, for a sentence."""
    folder: ClassVar[str]
    """Where its videos are; where there is no such folder, they are looked for below the root."""

    def __init__(self, root: Path, split: str | None = None):
        self.root = root
        self.split = split

    @property
    @abstractmethod
    def table(self) -> Path:
        """Return the table; raises ``InputError`` where there is none."""

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """Return the videos that it names, sorted; raises ``InputError`` where it is wrong."""

    def problems(self) -> list[str]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        problem = folder_problem(self.root, f"the folder that holds {self.layout}")
        if problem:
            return [problem]
        try:
            names = self.names
        except InputError as error:
            return [str(error)]
        if not any(name in self._videos for name in names):
            words = f"{self.root.absolute()}: {self.folder} holds no video of {self.table.name}: {named(names)}"
            return ["; ".join([words, *left_out(self.root, self._listing)])]
        return [
            f"{self.root}: {len(paths)} videos are called {name!r} ({' and '.join(paths)}); keep one of them"
            for name, paths in self._videos.items()
            if len(paths) > 1 and name in set(names)
        ]

    def notes(self) -> list[str]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        absent = [name for name in self.names if name not in self._videos]
        words = f"{len(absent)} of {len(self.names)} clips have no video in {self.folder}: {named(absent)}"
        return left_out(self.root, self._listing) + ([words] if absent else [])

    def clips(self) -> list[Clip]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        return [Clip(name, next(iter(self._videos.get(name, ())), None)) for name in self.names]

    def annotations(self) -> dict[str, Annotations]:
        """Return nothing: nobody annotated the videos."""
        return {}

    @cached_property
    def _listing(self) -> Listing:
        folder = self.root / self.folder
        return listing(folder if folder.is_dir() else self.root)

    @cached_property
    def _videos(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in self._listing.videos:
            found.setdefault(path.stem, []).append(str(path.relative_to(self.root)))
        return found
