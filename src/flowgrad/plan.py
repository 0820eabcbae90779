"""The plan: which clip belongs to which shard. Append-only, so that what is done stays done.

A shard is a list of at most ``clips_per_job`` clips that one job works through (:func:`shard_size`: how many where that
is ``auto``). It is decided once and kept in
``results/plan/shards/<shard>.json``; the workflow engine takes that small file, not the videos, as the job's input.

* New clips go to new shards.
* A changed clip (other SHA-256) rewrites its shard's file, which redoes that shard and no other.
* A removed clip stays in its shard's file (nothing is redone) but leaves ``results/plan/clips.csv``, from which the
  tables are made. Should it come back, nothing is redone either, unless a job met its absence: such a job leaves a
  ``<shard>.gone`` that names it, and then the shard is redone.

Annotations are kept apart (``results/plan/annotations/<shard>.json``): a corrected box redoes scores, not maps.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Container, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from flowgrad import artifacts
from flowgrad.datasets.base import Annotations, Clip, Dataset
from flowgrad.errors import InputError
from flowgrad.schemas.plan import NO_ANNOTATIONS, NO_VIDEO, PICTURES, PLACES
from flowgrad.schemas.plan import PLAN as COLUMNS
from flowgrad.shard import PlannedClip, file_sha256, gone_file, read_shard

HASHING_THREADS = 4
LARGEST = 32
"""Clips of a shard at most where nobody says how many: a network's job is then 1 to 3 % start-up (docs/speed.md)."""


def shard_size(new: int) -> int:
    """Return how many of so many new clips one shard takes, where nobody says it.

    As many as there are shards, so that few clips make work for several cores; the number of cores does not count, or
    a run on another machine would be another.

    >>> [shard_size(new) for new in (1, 4, 22, 100, 1000, 10000)]
    [1, 2, 5, 10, 32, 32]
    """
    return min(LARGEST, max(1, math.ceil(math.sqrt(new))))


class Plan:
    """The plan in a results folder."""

    def __init__(self, results: Path):
        self.folder = Path(results) / "plan"

    def shard_file(self, shard: str) -> Path:
        """Return the file that lists the clips of a shard."""
        return self.folder / "shards" / f"{shard}.json"

    def annotation_file(self, shard: str) -> Path:
        """Return the file that holds the annotations of a shard's clips."""
        return self.folder / "annotations" / f"{shard}.json"

    @property
    def clips_file(self) -> Path:
        """Return the table of the dataset's present clips: name, shard, reason, place, picture."""
        return self.folder / "clips.csv"

    def shards(self) -> list[str]:
        """Return the shards that hold at least one present clip, in order."""
        return sorted(set(self.present().values()))

    def present(self) -> dict[str, str]:
        """Return the shard of every clip that is in the dataset and in a shard."""
        if not self.clips_file.is_file():
            return {}
        table = artifacts.read_table(self.clips_file, COLUMNS).dropna(subset="shard")
        return dict(zip(table["video"], table["shard"], strict=True))

    def places(self) -> dict[str, str]:
        """Return the place of every clip of :meth:`present`."""
        table = artifacts.read_table(self.clips_file, PLACES).dropna(subset="shard")
        return dict(zip(table["video"], table["place"], strict=True))

    def update(self, dataset: Dataset, clips_per_job: int | Literal["auto"]) -> list[str]:
        """Bring the plan in line with the dataset; return :meth:`shards`. Files that do not change are not touched."""
        annotations = dataset.annotations()
        found = dataset.clips()
        pictures = _pictures(found, annotations)
        planned, unreadable = self._fingerprinted(dataset.root, usable_clips(found, annotations, dataset.labelled))

        assigned: dict[str, str] = {}
        last = 0
        for path in sorted((self.folder / "shards").glob("*.json")):
            last = max(last, int(path.stem))
            before = read_shard(path)
            assigned |= {clip.name: path.stem for clip in before}
            gone = gone_file(path)
            missed = set(gone.read_text(encoding="utf-8").splitlines()) if gone.is_file() else set()
            back = [clip.name for clip in before if clip.name in planned and clip.name in missed]
            changed = [clip.name for clip in before if clip.name in planned and planned[clip.name] != clip]
            if back or changed:
                kept = [planned[clip.name] for clip in before if clip.name in planned]
                self._write_shard(path.stem, kept, artifacts.read_json(path)["version"] + bool(back))
                gone.unlink(missing_ok=True)
                assigned = {name: shard for name, shard in assigned.items() if shard != path.stem}
                assigned |= {clip.name: path.stem for clip in kept}

        new = [clip for name, clip in sorted(planned.items()) if name not in assigned]
        size = shard_size(len(new)) if clips_per_job == "auto" else clips_per_job
        for start in range(0, len(new), size):
            last += 1
            members = new[start : start + size]
            self._write_shard(f"{last:05d}", members)
            assigned |= {clip.name: f"{last:05d}" for clip in members}

        self._write_annotations(planned, assigned, annotations)
        self._write_clips(found, planned, assigned, unreadable, pictures)
        return self.shards()

    def _write_shard(self, shard: str, clips: list[PlannedClip], version: int = 1) -> None:
        # the version makes the content differ where no clip does: the engine compares small files by content
        artifacts.write_json(self.shard_file(shard), {"version": version, "clips": [clip.to_json() for clip in clips]})

    def _write_annotations(
        self, planned: dict[str, PlannedClip], assigned: dict[str, str], annotations: dict[str, Annotations]
    ) -> None:
        members: dict[str, dict[str, Any]] = {}
        for name, shard in assigned.items():
            known = members.setdefault(shard, {})
            if name in planned and name in annotations:
                known[name] = annotations[name].to_json()
        for shard, known in members.items():
            path = self.annotation_file(shard)
            # a removed clip keeps what was known of it: nothing is redone because it went
            before = artifacts.read_json(path) if path.is_file() else None
            earlier = (before or {}).items()
            kept = {name: value for name, value in earlier if name not in planned and name in assigned}
            if before != kept | known:
                artifacts.write_json(path, kept | known)

    def _write_clips(
        self,
        found: list[Clip],
        planned: dict[str, PlannedClip],
        assigned: dict[str, str],
        unreadable: dict[str, str],
        pictures: dict[str, str],
    ) -> None:
        text = io.StringIO(newline="")
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(PICTURES)
        for clip in found:
            picture = pictures.get(clip.name, "")
            if clip.name in planned:
                rows.writerow((clip.name, assigned[clip.name], "", clip.group, picture))
            else:
                reason = unreadable.get(clip.name, NO_ANNOTATIONS if clip.video else NO_VIDEO)
                rows.writerow([_utf8(clip.name), "", reason, _utf8(clip.group), _utf8(picture)])
        artifacts.write_text_if_changed(self.clips_file, text.getvalue())

    def _fingerprinted(self, root: Path, clips: list[Clip]) -> tuple[dict[str, PlannedClip], dict[str, str]]:
        """Return the clips with the SHA-256 of their files, and of those that cannot be read the reasons.

        Only files whose size or time changed are read.
        """
        cache = FingerprintCache(self.folder / "fingerprints.json")
        planned: dict[str, PlannedClip] = {}
        unreadable: dict[str, str] = {}
        with ThreadPoolExecutor(HASHING_THREADS) as pool:
            pending = {clip.name: pool.submit(fingerprinted, root, clip, cache) for clip in clips}
            for name, result in pending.items():
                try:
                    planned[name] = result.result()
                except UnicodeEncodeError:
                    unreadable[name] = "the file's name is not UTF-8: rename it"
                except OSError as error:
                    unreadable[name] = f"cannot be read: {error.strerror}"
        cache.save()
        return planned, unreadable


def _pictures(found: Iterable[Clip], annotations: Mapping[str, Annotations]) -> dict[str, str]:
    """Return the picture that each clip is a pair of, of those of which something says what sounds.

    Raises ``InputError`` where pairs of one picture have several places: intervals take places as they are.
    """
    pictures: dict[str, str] = {}
    first: dict[str, Clip] = {}
    for clip in found:
        known = annotations.get(clip.name)
        if known is None or known.negative:
            continue
        other = first.setdefault(clip.shown, clip)
        if other.group != clip.group:
            raise InputError(
                f"clips {other.name!r} and {clip.name!r} show one picture ({clip.shown!r}) at two places"
                f" ({other.group!r} and {clip.group!r}); the dataset must give them one place"
            )
        pictures[clip.name] = clip.shown
    return pictures


def _utf8(name: str) -> str:
    """Return a name as text that can be written, whatever bytes the file system has for it."""
    return name.encode("utf-8", "backslashreplace").decode()


def usable_clips(found: Iterable[Clip], annotated: Container[str], labelled: bool) -> list[Clip]:
    """Return the clips that can be planned: those with a video and, in a labelled dataset, with annotations."""
    return [clip for clip in found if clip.video and (clip.name in annotated or not labelled)]


def fingerprinted(root: Path, clip: Clip, cache: FingerprintCache) -> PlannedClip:
    """Return a clip of :func:`usable_clips` with the SHA-256 of its files.

    Raises ``OSError`` where one cannot be read, ``UnicodeEncodeError`` where its name is not UTF-8.
    """
    assert clip.video is not None
    clip.video.encode("utf-8")
    if clip.made_from is not None:
        return PlannedClip(clip.name, clip.video, clip.made_from, rendered=True)
    still = clip.still
    flow = still.flow if still else None
    return PlannedClip(
        clip.name,
        clip.video,
        cache.digest(root / clip.video),
        clip.sound,
        cache.digest(root / clip.sound) if clip.sound else None,
        still=still is not None,
        anchor_s=still.anchor_s if still else None,
        flow=flow,
        flow_sha256=(cache.digest(root / flow[0]), cache.digest(root / flow[1])) if flow else None,
        mixed=still.mixed if still else None,
        mixed_sha256=cache.digest(root / still.mixed) if still and still.mixed else None,
    )


class FingerprintCache:
    """SHA-256 of files, remembered by path, size and modification time."""

    def __init__(self, path: Path):
        self._path, self._changed = path, False
        self._known: dict[str, list[Any]] = artifacts.read_json(path) if path.is_file() else {}

    def digest(self, path: Path) -> str:
        """Return the SHA-256 of a file, reading it if it is new or changed."""
        stat = path.stat()
        stamp = [stat.st_size, stat.st_mtime_ns]
        known = self._known.get(str(path))
        if known is not None and known[:2] == stamp:
            return str(known[2])
        digest = file_sha256(path)
        self._known[str(path)] = [*stamp, digest]
        self._changed = True
        return digest

    def save(self) -> None:
        """Write the cache where it changed."""
        if self._changed:
            artifacts.write_json(self._path, self._known)
