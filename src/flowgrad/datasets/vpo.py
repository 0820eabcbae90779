"""``format: vpo``: Visual Post-production (Chen et al., CVPR 2024) and AVSBench MS3 by the boxes of SSL-Align.

::

    vpo_ms_bbox.json, vpo_ss_bbox.json         see flowgrad.datasets.box_pairs; dataset.split names one of them
    ms3_box.json                               the same of AVSBench MS3 (Zhou et al., ECCV 2022)
    visual_frames/{picture}_{source}.jpg       MS3: visual_frames/{video}/{video}.mp4_{second}.png
    audio_wav/{picture}_{source}.wav           MS3: audio_wav/test/{video}.wav, a sound for the five pictures of a video

A pair of VPO is called by the picture of COCO that it shows and by one object in it; its pairs share that picture. An
item of MS3 is called ``{video}_{second}``, as in the lists of ACL-SSL; its items share their video. A box of MS3
encloses everything that sounds in the picture. No file says a class.
"""

from __future__ import annotations

import re

from flowgrad.datasets.box_pairs import BoxPairs

MS3 = "ms3_box.json"
FRAME = re.compile(r"(.+)\.mp4_(\d+)")
"""How AVSBench calls a picture of a video."""


class Vpo(BoxPairs):
    """The pairs of one table, or those of them that a list names."""

    tables = ("vpo_ms_bbox.json", "vpo_ss_bbox.json", MS3)
    lists = tables
    layout = "a table such as vpo_ms_bbox.json, visual_frames/ and audio_wav/"

    @staticmethod
    def canonical(name: str) -> str:
        """Return the name of an item of MS3 without the suffix of its video.

        >>> Vpo.canonical("u4v75o5WxYw_7.mp4_1"), Vpo.canonical("000000489267_157452")
        ('u4v75o5WxYw_7_1', '000000489267_157452')
        """
        found = FRAME.fullmatch(name)
        return f"{found[1]}_{found[2]}" if found else name

    def group_of(self, name: str) -> str:
        """Return the picture of COCO, or the video of MS3."""
        return name.rpartition("_")[0] or name

    def scene_of(self, name: str) -> str:
        """Return the picture of a pair: of MS3 every item is one, for its box holds all sources."""
        return name if self._table.name == MS3 else self.group_of(name)
