"""``format: videos``: a person's own folder of videos, without annotations, subfolders included."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from flowgrad.datasets.base import VIDEO_SUFFIXES, Annotations, Clip, find_videos


class Videos:
    """A folder of videos. A clip's name is its path below the folder, ``/`` written as ``__``, without extension.

    Where two files would share a name (``a.mp4`` and ``a.webm``) both keep their extension in it.
    """

    labelled = False

    def __init__(self, root: Path):
        self.root = root

    def problems(self) -> list[str]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        if not self.root.is_dir():
            return [
                f"dataset.root: {self.root.absolute()} is not a folder; set it to the folder that holds your videos"
            ]
        clips = self.clips()
        if not clips:
            return [f"dataset.root: {self.root} holds no video ({', '.join(VIDEO_SUFFIXES)})"]
        twice = [name for name, count in Counter(clip.name for clip in clips).items() if count > 1]
        return [f"{self.root}: two videos would both be called {name!r}; rename one of them" for name in twice]

    def clips(self) -> list[Clip]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        paths = [path.relative_to(self.root) for path in find_videos(self.root)]
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
