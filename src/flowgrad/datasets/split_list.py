"""The published lists that split a dataset: a text file with an id a line, which a second column may follow.

The second column, in the lists of Flickr-SoundNet, is passed over as the published evaluations do. An id may have the
suffix of a file (``2432219254.png``). A list with more columns pairs pictures with the sounds of others: it is refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from flowgrad.datasets.suffixes import MEDIA_SUFFIXES, STILL_SUFFIXES, suffix
from flowgrad.errors import InputError
from flowgrad.spelling import did_you_mean

PLACES = (".", "metadata", "lists")
"""Where lists and tables of annotations are looked for, below the root of a dataset."""

LIST_SUFFIXES = (".csv", ".txt")


def find_list(root: Path, split: str, published: Sequence[str]) -> Path:
    """Return the list that ``split`` names: by its name in one of ``PLACES``, with or without suffix, or by its path.

    Raises ``InputError`` where there is none, with the lists that there are; ``published`` names those of the dataset.
    """
    for folder in (root / place for place in PLACES):
        for ending in ("", *LIST_SUFFIXES):
            if (path := folder / f"{split}{ending}").is_file():
                return path
    if Path(split).is_file():
        return Path(split)
    there = sorted(
        path.stem for place in PLACES for ending in LIST_SUFFIXES for path in (root / place).glob(f"*{ending}")
    )
    if there:
        have = f"the lists there are {', '.join(there)}{did_you_mean(split, there)}"
    else:
        have = f"no list is there: put one there, such as {', '.join(published)}"
    where = f"{root} and its {' and '.join(PLACES[1:])}"
    raise InputError(f"split: {split!r} is neither a list in {where} nor the path of one; {have}")


def read_list(path: Path, canonical: Callable[[str], str]) -> list[str]:
    """Return the ids of a list in their order, each as ``canonical`` spells it.

    Blank lines are passed over, and so are commas at the end of a line.

    Raises ``InputError`` naming file and line for a list that cannot be read, is empty, or names an id twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text in UTF-8; a list has an id a line") from error
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        cells = line.rstrip(" ,").split(",")
        if cells == [""]:
            continue
        if len(cells) > 2:
            what = "a list has an id a line; pictures with the sounds of other clips are no part of the dataset"
            raise InputError(f"{path}: line {number} has {len(cells)} columns; {what}")
        name = _without_suffix(cells[0].strip())
        if not name:
            raise InputError(f"{path}: line {number} has no id in its first column")
        name = canonical(name)
        if name in lines:
            raise InputError(f"{path}: line {number} names {name!r}, as line {lines[name]} does; keep one of them")
        lines[name] = number
    if not lines:
        raise InputError(f"{path}: is empty; a list has an id a line")
    return list(lines)


def _without_suffix(name: str) -> str:
    return os.path.splitext(name)[0] if suffix(name) in MEDIA_SUFFIXES | STILL_SUFFIXES else name
