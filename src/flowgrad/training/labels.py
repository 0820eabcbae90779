"""Pseudo labels: which classes a tagger hears and sees in each clip, from a table.

::

    clip,kind,music,speech,vehicle
    street_01,audio,0.1,0.2,0.9
    street_01,frame,0.0,0.1,0.8

A row a clip and kind, ``audio`` or ``frame``; the other columns are the classes, each a probability in 0..1.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from flowgrad.errors import InputError

KINDS = ("audio", "frame")
Labels = Mapping[str, Mapping[str, npt.NDArray[np.float32]]]
"""By clip and kind, (classes,) float32 in [0, 1]."""


def read_labels(path: Path, classes: int) -> dict[str, dict[str, npt.NDArray[np.float32]]]:
    """Return the labels of the clips that have both kinds.

    Args:
        path: the table.
        classes: how many a model learns from.

    Raises:
        InputError: naming the file, and column or line, of what is wrong; nothing has both kinds.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            header = next(rows, [])
            found = _labels(path, [name.strip() for name in header], rows, classes)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: is no table in UTF-8 ({error})") from error
    whole = {clip: kinds for clip, kinds in found.items() if len(kinds) == len(KINDS)}
    if not whole:
        raise InputError(f"{path}: no clip has a row of kind audio and one of kind frame; give both")
    return whole


def _labels(
    path: Path, header: list[str], rows: Iterator[list[str]], classes: int
) -> dict[str, dict[str, npt.NDArray[np.float32]]]:
    if header[:2] != ["clip", "kind"]:
        raise InputError(f"{path}: expected the columns clip, kind and {classes} classes, got {', '.join(header)}")
    if len(header) != 2 + classes:
        raise InputError(f"{path}: expected {classes} columns of classes after clip and kind, got {len(header) - 2}")
    found: dict[str, dict[str, npt.NDArray[np.float32]]] = {}
    for line, cells in enumerate(rows, 2):
        where = f"{path}: line {line}"
        if not any(cells):
            continue
        if len(cells) != len(header):
            raise InputError(f"{where}: expected {len(header)} cells, got {len(cells)}")
        clip, kind = cells[0].strip(), cells[1].strip()
        if kind not in KINDS:
            raise InputError(f"{where}, column 'kind': expected audio or frame, got {kind!r}")
        if kind in found.setdefault(clip, {}):
            raise InputError(f"{where}: {clip!r} has another row of kind {kind}; keep one of them")
        found[clip][kind] = _probabilities(where, header[2:], cells[2:])
    return found


def _probabilities(where: str, names: list[str], cells: list[str]) -> npt.NDArray[np.float32]:
    values = []
    for name, cell in zip(names, cells, strict=True):
        try:
            value = float(cell)
        except ValueError as error:
            raise InputError(f"{where}, column {name!r}: expected a number in 0..1, got {cell!r}") from error
        if not 0 <= value <= 1:
            raise InputError(f"{where}, column {name!r}: expected a number in 0..1, got {cell}")
        values.append(value)
    return np.array(values, np.float32)
