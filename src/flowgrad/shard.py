"""A shard: the clips that one job works through, as rules and scripts read them."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flowgrad import artifacts


@dataclass(frozen=True)
class PlannedClip:
    """A clip in a shard: paths relative to the dataset's root, and the SHA-256 of each file.

    A video that the run renders itself has no file yet: ``video_sha256`` is then a digest of what it is rendered from.
    Of a still ``video`` is the picture, ``anchor_s`` its time in the sound (None: the middle), and ``flow`` the
    published pictures of horizontal and vertical flow; ``mixed`` is a second sound that is heard with ``sound``.
    """

    name: str
    video: str
    video_sha256: str
    sound: str | None = None
    sound_sha256: str | None = None
    rendered: bool = False
    still: bool = False
    anchor_s: float | None = None
    flow: tuple[str, str] | None = None
    flow_sha256: tuple[str, str] | None = None
    mixed: str | None = None
    mixed_sha256: str | None = None

    @property
    def sound_files(self) -> str:
        """Return the names of its sound files, for a sentence."""
        return " with ".join(name for name in (self.sound, self.mixed) if name)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary, without what is as it mostly is."""
        first = ("name", "video", "video_sha256", "sound", "sound_sha256", "rendered")
        # by identity: a still at 0 s is not one in the middle of its sound, though 0 equals False
        return {
            key: value for key, value in asdict(self).items() if key in first or not (value is None or value is False)
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> PlannedClip:
        """Return the clip that :meth:`to_json` wrote."""
        known: dict[str, Any] = {key: tuple(some) if isinstance(some, list) else some for key, some in value.items()}
        return cls(**known)

    def source_sha256(self, root: Path) -> str:
        """Return the SHA-256 of the video file below ``root``."""
        path = root / self.video
        return file_sha256(path) if self.rendered and path.is_file() else self.video_sha256


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def gone_file(shard: Path) -> Path:
    """Return the file in which jobs name the clips of a shard that had no file when they came."""
    return shard.with_suffix(".gone")


def note_gone(shard: Path, clip: str) -> None:
    """Note that a clip of a shard had no file when a job came to it."""
    path = gone_file(shard)
    known = path.read_text(encoding="utf-8") if path.is_file() else ""
    artifacts.write_text(path, f"{known}{clip}\n")


def read_shard(path: Path) -> list[PlannedClip]:
    """Return the clips of a shard file."""
    return [PlannedClip.from_json(clip) for clip in artifacts.read_json(path)["clips"]]
