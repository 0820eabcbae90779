"""Stage ``render``: the videos of a shard of synthetic streets."""

from __future__ import annotations

import logging
from pathlib import Path

from flowgrad import artifacts
from flowgrad.shard import read_shard
from flowgrad.synthetic.clip import write_clip
from flowgrad.synthetic.scene import make_scene
from flowgrad.synthetic.settings import StreetSettings

log = logging.getLogger(__name__)


def run(*, shard: Path, settings: StreetSettings, mark: Path) -> None:
    """Render every clip of a shard.

    Args:
        shard: the shard's file.
        settings: of the streets.
        mark: text file that names what lies rendered beside it, and what from; its folder is the root of the clips'
            paths.
    """
    clips = read_shard(shard)
    for clip in clips:
        write_clip(make_scene(settings, clip.name), mark.parent / clip.video)
        log.info("%s: rendered", clip.name)
    # the engine compares small files by content: it must see other pictures under the same name
    artifacts.write_text(mark, "".join(f"{clip.name} {clip.video_sha256}\n" for clip in clips))
