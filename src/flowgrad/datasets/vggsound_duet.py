"""``format: vggsound-duet``: pairs of clips of VGG-SS whose sounds are mixed (Mo and Tian, CVPR 2023, AVGN).

::

    vggsound_duet_test.csv    5,158 pairs: first id, its class, second id, its class; in the root, metadata/ or lists/
    vggss.json, frames/, audio/: see flowgrad.datasets.vggss

A pair is two clips, ``{first}+{second}_1`` with the picture of the first and ``_2`` with that of the second; both have
the sum of the two sounds. They share their place and count as the pairs of one picture: both sources must be found.
What is true of each is its own box: a model that listens must find the one source of the mixture that is seen. A class
of the list is that of ``vggss.json`` with ``_`` between its words.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from flowgrad.datasets.base import Clip
from flowgrad.datasets.split_list import find_list, read_rows
from flowgrad.datasets.stills import Entry, Faults, Item
from flowgrad.datasets.vggss import Vggss
from flowgrad.spelling import did_you_mean

LIST = "vggsound_duet_test"


class VggsoundDuet(Vggss):
    """The pairs of a list."""

    video_at_s = None
    """A video has its own sound, and the sum of two is what is heard."""
    lists = (f"{LIST}.csv",)
    layout = f"{LIST}.csv, vggss.json, frames/ and audio/"

    def __init__(self, root: Path, split: str | None = None):
        super().__init__(root)
        self._pair_list = split or LIST

    def item(self, name: str) -> Item:
        """See :class:`flowgrad.datasets.stills.Stills`."""
        first, second, number = self._duets[name]
        pair = f"{first}+{second}"
        return Item(name, (first, second)[number], first, pair, pair)

    def entries(self, wanted: Collection[str] | None) -> Iterator[Entry]:
        """See :class:`flowgrad.datasets.stills.Stills`."""
        known = {
            entry.name: entry for entry in super().entries({id_ for row in self._duets.values() for id_ in row[:2]})
        }
        classes = {_plain(entry.label) for entry in known.values()}
        faults = Faults()
        for line, cells in self._rows:
            for clip, label in zip(cells[::2], cells[1::2], strict=True):
                entry = known.get(self.canonical(clip))
                where = f"{self._pairs_path}: line {line}"
                if _plain(label) not in classes:
                    faults.add("class", f"{where} has the unknown class {label!r}{did_you_mean(label, classes)}")
                elif entry is not None and _plain(label) != _plain(entry.label):
                    faults.add("other", f"{where} has class {label!r} for {clip!r}, and vggss.json {entry.label!r}")
        faults.raise_any()
        for name, (first, second, number) in self._duets.items():
            shown = known.get((first, second)[number])
            if shown is not None:
                yield replace(shown, name=name)

    def clips(self) -> list[Clip]:
        """See :class:`flowgrad.datasets.base.Dataset`; ``sound`` is None where one of the two is absent."""
        found = []
        for clip in super().clips():
            second = next(iter(self._sounds.get(self._duets[clip.name][1], ())), None)
            both = clip.sound is not None and second is not None and clip.still is not None
            still = replace(clip.still, mixed=second) if both and clip.still else clip.still
            found.append(replace(clip, sound=clip.sound if both else None, still=still))
        return found

    def _wanted_sounds(self) -> Collection[str]:
        return {id_ for row in self._duets.values() for id_ in row[:2]}

    @cached_property
    def _pairs_path(self) -> Path:
        return find_list(self.root, self._pair_list, self.lists)

    @cached_property
    def _rows(self) -> list[tuple[int, list[str]]]:
        return read_rows(self._pairs_path, ("first id", "its class", "second id", "its class"))

    @cached_property
    def _duets(self) -> dict[str, tuple[str, str, int]]:
        """By clip the two ids of its pair, and which of them is seen: 0 or 1."""
        faults, lines = Faults(), dict[str, int]()
        duets: dict[str, tuple[str, str, int]] = {}
        for line, cells in self._rows:
            first, second = self.canonical(cells[0]), self.canonical(cells[2])
            pair = f"{first}+{second}"
            if pair in lines:
                what = f"line {line} pairs {first!r} with {second!r}, as line {lines[pair]} does; keep one of them"
                faults.add("twice", f"{self._pairs_path}: {what}")
            lines[pair] = line
            duets |= {f"{pair}_{number + 1}": (first, second, number) for number in (0, 1)}
        faults.raise_any()
        return duets


def _plain(label: str) -> str:
    """Return a class with ``_`` between its words.

    >>> _plain("female speech, woman speaking")
    'female_speech_woman_speaking'
    """
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")
