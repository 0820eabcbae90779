"""``format: is3``: Interactive Synthetic Sound Source (Senocak et al., TPAMI 2025), made pictures with two sources.

::

    synthetic3240_bbox.json                    6,480 pairs of 3,240 pictures; see flowgrad.datasets.box_pairs
    visual_frames/{first}_{second}_{number}_{class}.jpg    or images/, as its README calls it
    audio_wav/{first}_{second}_{number}_{class}.wav

The picture is there once for every source; the last word of the file's name is the class of what sounds in the pair.
"""

from __future__ import annotations

from flowgrad.datasets.box_pairs import BoxPairs


class Is3(BoxPairs):
    """IS3, or the pairs that a list names."""

    tables = ("synthetic3240_bbox.json",)
    lists = tables
    layout = "synthetic3240_bbox.json, visual_frames/ and audio_wav/"

    def group_of(self, name: str) -> str:
        """Return the picture of a pair.

        >>> Is3.group_of(None, "cat_alarmclock_1828_cat")
        'cat_alarmclock_1828'
        """
        return name.rpartition("_")[0] or name

    def label_of(self, name: str) -> str:
        """Return the class of what sounds in a pair.

        >>> Is3.label_of(None, "cat_alarmclock_1828_cat")
        'cat'
        """
        return name.rpartition("_")[2]
