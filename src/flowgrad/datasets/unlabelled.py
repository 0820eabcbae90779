"""The part of a labelled dataset that nobody annotated: what training may learn from."""

from __future__ import annotations

from pathlib import Path

from flowgrad.datasets.base import Annotations, Clip, Dataset


class Unannotated:
    """The clips of a dataset without annotations, as a dataset of their own."""

    labelled = False

    def __init__(self, dataset: Dataset):
        self._dataset = dataset
        self.root: Path = dataset.root

    def problems(self) -> list[str]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        return self._dataset.problems()

    def notes(self) -> list[str]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        return self._dataset.notes()

    def clips(self) -> list[Clip]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        annotated = self._dataset.annotations() if self._dataset.labelled else {}
        return [clip for clip in self._dataset.clips() if clip.name not in annotated]

    def annotations(self) -> dict[str, Annotations]:
        """Return nothing."""
        return {}
