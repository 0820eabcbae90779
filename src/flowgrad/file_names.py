"""The name of a file that is written for a clip: the clip's own, cut where a disk would not take it."""

from __future__ import annotations

import hashlib

MOST_BYTES = 200
"""Of 255: a suffix follows, and what marks a temporary file."""
DIGITS = 12


def stem_of(clip: str) -> str:
    """Return the name of a clip, or its beginning and a hash of it where it is longer than 200 bytes.

    >>> stem_of("street")
    'street'
    """
    name = clip.encode()
    if len(name) <= MOST_BYTES:
        return clip
    short = name[: MOST_BYTES - DIGITS - 1].decode(errors="ignore")
    return f"{short}-{hashlib.sha256(name).hexdigest()[:DIGITS]}"
