"""``format: videos``: a person's own folder of videos, without annotations, subfolders included."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from pathlib import Path

from flowgrad.datasets.base import Annotations, Clip
from flowgrad.datasets.folder import Listing, folder_problem, left_out, listing


class Videos:
    """A folder of videos. A clip's name is its path below the folder, ``/`` written as ``__``, without extension.

    Where two files would share a name (``a.mp4`` and ``a.webm``) both keep their extension in it.
    """

    labelled = False

    def __init__(self, root: Path):
        self.root = root

    @cached_property
    def _listing(self) -> Listing:
        return listing(self.root)

    def problems(self) -> list[str]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        problem = folder_problem(self.root, "the folder that holds your videos")
        if problem:
            return [problem]
        clips = self.clips()
        if not clips:
            why = "; ".join([f"dataset.root: {self.root.absolute()} holds no video by name", *self.notes()])
            return [f"{why} (docs/data.md lists the suffixes)"]
        twice = [name for name, count in Counter(clip.name for clip in clips).items() if count > 1]
        return [f"{self.root}: two videos would both be called {name!r}; rename one of them" for name in twice]

    def notes(self) -> list[str]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        return left_out(self.root, self._listing)

    def clips(self) -> list[Clip]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        paths = [path.relative_to(self.root) for path in self._listing.videos]
        stems = Counter(path.with_suffix("") for path in paths)
        return sorted(
            (
                Clip(
                    "__".join((path if stems[path.with_suffix("")] > 1 else path.with_suffix("")).parts),
                    str(path),
                )
                for path in paths
            ),
            key=lambda clip: clip.name,
        )

    def annotations(self) -> dict[str, Annotations]:
        """Return nothing: the format has no annotations."""
        return {}
