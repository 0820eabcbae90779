"""What a mistyped name was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

ALSO_CALLED = {
    # keys
    "root": ("path", "folder", "dir", "directory", "location"),
    "models": ("rows", "methods"),
    "device": ("gpu",),
    "container": ("image", "docker", "apptainer"),
    "frames_per_second": ("fps",),
    "learning_rate": ("lr",),
    "shrink_after": ("lr_patience",),
    "stop_after": ("patience", "early_stopping_patience"),
    "held_out": ("validation", "validation_split"),
    # values
    "cuda": ("gpu", "nvidia"),
    "cpu": ("processor",),
    "float32": ("fp32", "float", "full"),
    "bfloat16": ("bf16", "half"),
    "streets": ("synthetic", "rendered"),
    "videos": ("folder", "mp4"),
    "annotated": ("scored", "labelled"),
    "fail": ("abort", "error", "stop"),
    "continue": ("ignore", "skip"),
    "available": ("all", "any", "every"),
    "imagenet": ("pretrained",),
    "nothing": ("random", "scratch", "none"),
}
"""Other words that people write for a name, where the letters are far from it."""


def nearest(word: str, known: Iterable[str], cutoff: float = 0.65) -> str | None:
    """Return the known name that a word was probably meant to be; None where none is near, 1 being the same.

    >>> nearest("whole_frame", ["flow", "whole-frame"])
    'whole-frame'
    >>> nearest("gpu", ["auto", "cpu", "cuda"])
    'cuda'
    """
    names = {_plain(name): name for name in known}
    plain = _plain(word)
    if plain in names:
        return names[plain]
    for name in names.values():
        if plain in map(_plain, ALSO_CALLED.get(name, ())):
            return name
    close = difflib.get_close_matches(plain, names, n=1, cutoff=cutoff)
    return names[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean NAME?``, or nothing where no known name is near."""
    near = nearest(word, known)
    return f"; did you mean {near}?" if near else ""


def _plain(word: str) -> str:
    return word.strip().lower().replace("_", "-").replace(" ", "-")
