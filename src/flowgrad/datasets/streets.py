"""``format: streets``: streets that the run renders itself, from ``streets`` of the configuration.

Clips and annotations are known from the settings alone, before a picture is drawn; the rule ``render`` draws them. In
place of a file's digest a clip carries that of what it is drawn from: the settings, its name and the generator's code.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

from flowgrad.datasets.base import Annotations, Clip
from flowgrad.paths import STREETS
from flowgrad.provenance import code_digest
from flowgrad.synthetic.settings import StreetSettings

FORMAT = "streets"
ROOT = Path(STREETS)
GENERATOR = "flowgrad.synthetic.clip"


class Streets:
    """One part of the rendered streets: ``labelled``, with annotations, or ``unlabelled``."""

    def __init__(self, settings: StreetSettings, part: str, count: int):
        self.settings, self.part, self.count = settings, part, count
        self.root = ROOT / part
        self.labelled = part == "labelled"

    @cached_property
    def names(self) -> list[str]:
        """Return the names of the clips."""
        from flowgrad.synthetic.dataset import clip_names  # OpenCV: not for runs without rendered streets

        return clip_names(self.part, self.count)

    def problems(self) -> list[str]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        return []

    def notes(self) -> list[str]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        return []

    def clips(self) -> list[Clip]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        from flowgrad.synthetic.dataset import VIDEOS

        recipe = f"{self.settings.model_dump_json()}:{code_digest(GENERATOR)}"
        return [
            Clip(name, f"{VIDEOS}/{name}.mp4", made_from=hashlib.sha256(f"{recipe}:{name}".encode()).hexdigest())
            for name in self.names
        ]

    def annotations(self) -> dict[str, Annotations]:
        """See :class:`flowgrad.datasets.base.Dataset`."""
        from flowgrad.synthetic.annotate import annotate
        from flowgrad.synthetic.scene import make_scene

        return {name: annotate(make_scene(self.settings, name)) for name in self.names} if self.labelled else {}
