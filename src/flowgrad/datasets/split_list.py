"""Where the tables of a dataset lie; and the published lists that split one: a text file with an id a line.

A second column may follow. In the lists of Flickr-SoundNet it is passed over as the published evaluations do. An id may
have the suffix of a file (``2432219254.png``).

A list ``NAME_plus_silent.csv`` (SLAVC: Mo and Morgado, NeurIPS 2022) has the columns video, audio, label and pairs the
picture of a clip with a sound of nothing that it shows, label ``non-sounding``; it goes with the list ``NAME``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from flowgrad.datasets.csv_table import read_table
from flowgrad.datasets.suffixes import MEDIA_SUFFIXES, STILL_SUFFIXES, suffix
from flowgrad.errors import InputError
from flowgrad.spelling import did_you_mean

PLACES = (".", "metadata", "lists")
"""Where lists and tables of annotations are looked for, below the root of a dataset."""

LIST_SUFFIXES = (".csv", ".txt")
SILENT = "_plus_silent"
PAIR = ("video", "audio", "label")
NON_SOUNDING = "non-sounding"


def tables_there(root: Path, names: Iterable[str], places: Sequence[str] = PLACES) -> list[Path]:
    """Return those of some tables that are there, in the order of ``names``, each from the first place that has it."""
    paths = ([root / place / name for place in places] for name in names)
    found = (next(filter(Path.is_file, candidates), None) for candidates in paths)
    return [path for path in found if path is not None]


def find_tables(root: Path, names: Sequence[str], places: Sequence[str] = PLACES) -> list[Path]:
    """Return what :func:`tables_there` does; raises ``InputError`` with the places looked in where there is none."""
    found = tables_there(root, names, places)
    if not found:
        raise InputError(f"{' or '.join(names)} is not in {_where(root, places)}; it belongs to the dataset")
    return found


def find_table(root: Path, *names: str, places: Sequence[str] = PLACES) -> Path:
    """Return the one table that is there of those that could be; raises ``InputError`` where none is, or several."""
    first, *others = find_tables(root, names, places)
    if others:
        known = ", ".join(path.stem for path in (first, *others))
        raise InputError(f"{root}: several tables are there: {known}; name one of them as dataset.split")
    return first


def _where(root: Path, places: Sequence[str]) -> str:
    """Return the places where something is looked for, in words.

    >>> _where(Path("data"), (".", "metadata", "lists"))
    'data and its metadata and lists'
    """
    return f"{root} and its {' and '.join(places[1:])}"


def find_list(root: Path, split: str, published: Sequence[str], places: Sequence[str] = PLACES) -> Path:
    """Return the list that ``split`` names: by its name in one of the places, with or without suffix, or by its path.

    Raises ``InputError`` where there is none, with the lists that there are; ``published`` names those of the dataset.
    """
    for place in places:
        named = tables_there(root, [f"{split}{ending}" for ending in ("", *LIST_SUFFIXES)], [place])
        if named:
            return named[0]
    if Path(split).is_file():
        return Path(split)
    there = sorted(
        path.stem for place in places for ending in LIST_SUFFIXES for path in (root / place).glob(f"*{ending}")
    )
    if there:
        have = f"the lists there are {', '.join(there)}{did_you_mean(split, there)}"
    else:
        have = f"no list is there: put one there, such as {', '.join(published)}"
    raise InputError(f"split: {split!r} is neither a list in {_where(root, places)} nor the path of one; {have}")


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
            what = f"a list has an id a line; one that adds pictures with foreign sounds is called NAME{SILENT}"
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


def read_rows(path: Path, columns: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Return the rows of a list without header that has these columns, each with its line.

    Raises ``InputError`` naming file and line for a list that cannot be read, is empty, or lacks a cell.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text in UTF-8; its columns are {', '.join(columns)}") from error
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.split(",")]
        if not any(cells):
            continue
        if len(cells) != len(columns) or not all(cells):
            raise InputError(f"{path}: line {number}: {', '.join(columns)} are expected, got {line.strip()!r}")
        rows.append((number, cells))
    if not rows:
        raise InputError(f"{path}: is empty; its columns are {', '.join(columns)}")
    return rows


def read_labels(path: Path, canonical: Callable[[str], str]) -> dict[str, str]:
    """Return the second column of a list that :func:`read_list` takes, by the id in the first, where it has one."""
    rows = (line.rstrip(" ,").split(",") for line in path.read_text(encoding="utf-8-sig").splitlines())
    return {canonical(_without_suffix(row[0].strip())): row[1].strip() for row in rows if len(row) == 2}


def is_silent(path: Path) -> bool:
    """Return whether a list pairs pictures with sounds of nothing that they show, by its name."""
    return path.stem.endswith(SILENT)


def sounding(path: Path) -> Path:
    """Return the list of the clips that sound beside a list of :func:`is_silent`; ``InputError`` where it is absent."""
    stem = path.stem.removesuffix(SILENT)
    for ending in (path.suffix, *LIST_SUFFIXES):
        if (beside := path.with_name(f"{stem}{ending}")).is_file():
            return beside
    raise InputError(f"{path}: goes with the list {stem}{path.suffix}, which is not beside it; put it there")


def read_silent(path: Path, canonical: Callable[[str], str]) -> list[tuple[str, str]]:
    """Return the pairs (picture, sound) of a list of :func:`is_silent` in their order, as ``canonical`` spells them.

    Raises ``InputError`` naming file, column and line for a list that cannot be read, is empty, has another label than
    ``non-sounding``, or names a pair twice.
    """
    table = read_table(path, PAIR, ())
    table.require(range(len(table.lines)), *PAIR)
    wrong = [row for row, label in enumerate(table.text["label"]) if label not in ("", NON_SOUNDING)]
    if wrong:
        table.fault(wrong, "label", f"is {table.text['label'][wrong[0]]!r}, where {NON_SOUNDING!r} is expected")
    pairs = [
        (canonical(_without_suffix(video)), canonical(_without_suffix(audio)))
        for video, audio in zip(table.text["video"], table.text["audio"], strict=True)
    ]
    lines: dict[tuple[str, str], int] = {}
    for line, pair in zip(table.lines, pairs, strict=True):
        if pair in lines:
            words = f"line {line} pairs {pair[0]!r} with {pair[1]!r}, as line {lines[pair]} does; keep one of them"
            raise InputError(f"{path}: {words}")
        lines[pair] = line
    if not table.accepted().lines:
        raise InputError(f"{path}: is empty; a list has an id a line")
    return pairs


def _without_suffix(name: str) -> str:
    return os.path.splitext(name)[0] if suffix(name) in MEDIA_SUFFIXES | STILL_SUFFIXES else name
