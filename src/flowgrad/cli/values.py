"""What may stand behind an option, and files that are to be written; a mistake is one sentence."""

from __future__ import annotations

import contextlib
import math
import os
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from pathlib import Path

from flowgrad.errors import InputError

PICTURES = (".png", ".jpg", ".jpeg")
LONGEST_NAME = 255
"""Bytes of a file's name, on all file systems in use."""


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return the reader of a whole number between two bounds."""
    bounds = f"from {least} upwards" if most is None else f"from {least} to {most}"

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least or (most is not None and number > most):
            raise ArgumentTypeError(f"expected a whole number {bounds}, got {text!r}")
        return number

    return read


def seconds(text: str) -> float:
    """Read a time in seconds."""
    try:
        time = float(text)
    except ValueError:
        time = math.nan
    if not math.isfinite(time):
        raise ArgumentTypeError(f"expected seconds, got {text!r}")
    return time


def path(text: str) -> Path:
    """Read a path; an empty one would be the working folder."""
    if not text.strip() or "\0" in text:
        raise ArgumentTypeError(f"expected a path, got {text!r}")
    if any(len(os.fsencode(part)) > LONGEST_NAME for part in Path(text).parts):
        raise ArgumentTypeError(f"expected a path, got a name of more than {LONGEST_NAME} letters")
    return Path(text)


def check_folder(folder: Path, what: str) -> None:
    """Raise ``InputError`` where something is no folder; ``what`` says which one is wanted."""
    if not folder.is_dir():
        nothing = "" if folder.exists() else " (nothing is there)"
        raise InputError(f"{folder.absolute()} is not a folder{nothing}; name {what}")


def check_picture(file: Path) -> None:
    """Raise ``InputError`` where a file cannot become a picture."""
    if file.is_dir():
        raise InputError(f"{file.absolute()} is a folder; name a file in it, such as {file / 'picture.png'}")
    if file.suffix.lower() not in PICTURES:
        raise InputError(f"{file} is no picture's name; end it in {' or '.join(PICTURES)}: {file.with_suffix('.png')}")
    if not file.absolute().parent.is_dir():
        raise InputError(f"{file.absolute().parent} is not a folder; make it, or name a file elsewhere")
    if not os.access(file.absolute().parent, os.W_OK):
        raise InputError(f"{file.absolute().parent} cannot be written; name a file elsewhere")


@contextlib.contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn what the system says while something is written into a sentence that names the place."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{place.absolute()} cannot be written: {reason}; name another place") from error
