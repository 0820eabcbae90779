"""The files of a folder: its videos by name, and what is left out though it may be one."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from flowgrad.datasets.signatures import looks_like_video
from flowgrad.datasets.suffixes import SOUND_SUFFIXES, VIDEO_SUFFIXES, suffix

LOOKS = 2000
LOOKS_A_KIND = 100
"""Files of other names that are looked into, in all and of each kind: a folder may hold many."""

OVERLAY = ".overlay.mp4"
"""How files end that ``flowgrad overlay`` writes beside a video."""

NAMED = 3
"""Files that a sentence names; it counts the others."""


@dataclass(frozen=True)
class Listing:
    """The files below a folder, sorted; hidden ones are left out.

    Attributes:
        videos: those whose suffix is that of a video, but overlays that were written beside them.
        others: all others.
        unreadable: folders that cannot be looked into, with the reason.
    """

    videos: tuple[Path, ...] = ()
    others: tuple[str, ...] = ()
    unreadable: tuple[tuple[Path, str], ...] = ()


def listing(folder: Path) -> Listing:
    """Return the files below a folder; links are followed.

    A link that leads nowhere is listed too, so that it is reported as a file that cannot be read.
    """
    videos: list[Path] = []
    overlays: list[Path] = []
    others: list[str] = []
    unreadable: list[tuple[Path, str]] = []
    seen = set[Path]()

    def note(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            unreadable.append((Path(error.filename), str(error.strerror)))

    for place, folders, files in os.walk(folder, followlinks=True, onerror=note):
        seen.add(Path(place).resolve())
        folders[:] = [name for name in folders if not name.startswith(".") and Path(place, name).resolve() not in seen]
        for name in files:
            if name.startswith("."):
                continue
            if name.endswith(OVERLAY):
                overlays.append(Path(place, name))
            elif suffix(name) in VIDEO_SUFFIXES:
                videos.append(Path(place, name))
            else:
                others.append(os.path.join(place, name))
    # what `flowgrad overlay` wrote beside a video is no new one; a video that is only called so, is
    sources = {path.with_suffix("") for path in videos}
    videos += [path for path in overlays if path.with_name(path.name.removesuffix(OVERLAY)) not in sources]
    return Listing(tuple(sorted(videos)), tuple(sorted(others)), tuple(sorted(unreadable)))


def folder_problem(folder: Path, purpose: str) -> str | None:
    """Return why nothing can be read from the folder that ``dataset.root`` names, in one sentence; None where it can.

    ``purpose`` says what the key is to be set to.
    """
    place = f"dataset.root: {folder.absolute()}"
    try:
        with os.scandir(folder) as entries:
            empty = next(entries, None) is None
    except FileNotFoundError:
        return f"{place} is not a folder: nothing is there; set it to {purpose}"
    except NotADirectoryError:
        return f"{place} is not a folder but a file; set it to {purpose}"
    except OSError as error:
        return f"{place} cannot be read: {error.strerror}; make it readable, or set it to {purpose}"
    return f"{place} is empty; set it to {purpose}" if empty else None


def left_out(root: Path, listed: Listing) -> list[str]:
    """Return the notes on what a listing leaves out though it may hold videos, one sentence each."""
    notes = []
    found, more = _misnamed(listed.others)
    if found:
        names = named(str(path.relative_to(root)) for path in found)
        least = "at least " if more else ""
        if len(found) == 1 and not more:
            words = f"1 file looks like a video and is left out by its name: {names}; rename it"
        else:
            words = f"{least}{len(found)} files look like videos and are left out by their names: {names}; rename them"
        notes.append(f"{words} with the suffix of a video, such as .mp4")
    return notes + closed(listed)


def closed(listed: Listing) -> list[str]:
    """Return the note on the folders that cannot be looked into, if there are any."""
    if not listed.unreadable:
        return []
    first, reason = listed.unreadable[0]
    others = f" (and {len(listed.unreadable) - 1} more)" if len(listed.unreadable) > 1 else ""
    return [f"a folder cannot be read, what it holds is left out: {first.absolute()}: {reason}{others}"]


def named(names: Iterable[str]) -> str:
    """Return the first of some names, with ``...`` for the others."""
    names = list(names)
    return ", ".join(names if len(names) <= NAMED else [*names[:NAMED], "..."])


def _misnamed(others: Iterable[str]) -> tuple[list[Path], bool]:
    """Return files that look like videos, and whether there are more of their kind that were not looked into."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for path in others:
        kind = suffix(path)
        if kind not in SOUND_SUFFIXES:
            # the numbers of a sequence are one kind
            kinds[kind.rstrip("0123456789")].append(path)
    found: list[Path] = []
    more, looks = False, LOOKS
    # the rarer a kind, the sooner: a hundred thousand stills do not hide three videos
    for paths in sorted(kinds.values(), key=len):
        looked = paths[: min(LOOKS_A_KIND, looks)]
        looks -= len(looked)
        videos = [path for path in map(Path, looked) if looks_like_video(path)]
        more |= bool(videos) and len(looked) < len(paths)
        found += videos
    return sorted(found), more
