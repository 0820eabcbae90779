"""The formats of datasets by name, each with the module that reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flowgrad.code import Code, implementation
from flowgrad.datasets.base import Dataset
from flowgrad.registry import Registry


@dataclass(frozen=True)
class DatasetFormat:
    """A published layout: docs/datasets.md shows how to add one.

    Attributes:
        name: as under ``dataset.format`` of the configuration.
        load: ``module:attribute``, or the callable: ``(root) -> Dataset``, or ``(root, split)`` where it has splits.
        labelled: whether it has annotations, so that clips can be scored; where that depends on the folder,
            ``module:attribute`` or the callable: ``(root) -> bool``.
        splits: whether ``dataset.split`` can name a list of its clips.
    """

    name: str
    load: Code
    labelled: bool | Code = True
    splits: bool = False

    def labelled_at(self, root: Path) -> bool:
        """Return whether there are annotations for the clips of a folder."""
        if isinstance(self.labelled, bool):
            return self.labelled
        return bool(implementation(f"format {self.name}", self.labelled)(root))


FORMATS: Registry[DatasetFormat] = Registry(
    DatasetFormat,
    "format",
    "flowgrad.datasets",
    (
        DatasetFormat("urbansas", "flowgrad.datasets.urbansas:Urbansas"),
        DatasetFormat("videos", "flowgrad.datasets.videos:Videos", labelled=False),
        DatasetFormat("flickr-soundnet", "flowgrad.datasets.flickr_soundnet:FlickrSoundNet", splits=True),
        DatasetFormat("vggss", "flowgrad.datasets.vggss:Vggss", splits=True),
        DatasetFormat(
            "pairs", "flowgrad.datasets.pairs:Pairs", labelled="flowgrad.datasets.pairs:is_labelled", splits=True
        ),
        DatasetFormat("ave", "flowgrad.datasets.ave:Ave", labelled=False, splits=True),
        DatasetFormat("is3", "flowgrad.datasets.is3:Is3", splits=True),
        DatasetFormat("vpo", "flowgrad.datasets.vpo:Vpo", splits=True),
        DatasetFormat(
            "audioset-instruments", "flowgrad.datasets.audioset_instruments:AudioSetInstruments", splits=True
        ),
        DatasetFormat("music", "flowgrad.datasets.music:Music", splits=True),
        DatasetFormat("music-videos", "flowgrad.datasets.music:MusicVideos", labelled=False, splits=True),
        DatasetFormat("vggsound-duet", "flowgrad.datasets.vggsound_duet:VggsoundDuet", splits=True),
    ),
)


def get_format(name: str) -> DatasetFormat:
    """Return the format of this name; raises ``InputError`` with the known names."""
    return FORMATS.get_known(name)


def open_dataset(name: str, root: Path, split: str | None = None) -> Dataset:
    """Return the dataset of a format at ``root``; raises ``InputError`` for an unknown format."""
    known = get_format(name)
    reader = implementation(f"format {name}", known.load)
    return reader(Path(root), split) if known.splits else reader(Path(root))  # type: ignore[no-any-return]
