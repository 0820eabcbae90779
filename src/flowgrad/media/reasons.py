"""What a person should know of a decoded clip, in one order and the same words wherever it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.media.audio import SoundReport
from flowgrad.media.recording import Recording
from flowgrad.media.video import DecodeReport

SILENCE_AFTER_S = 0.5
"""Sound that ends this much before the pictures is worth a word."""


@dataclass(frozen=True)
class Reason:
    """A sentence about a clip; ``fault``: the file is damaged, not merely odd."""

    words: str
    fault: bool = False


def reasons(
    recording: Recording, seen: DecodeReport, heard: SoundReport, sound_notes: Sequence[str] = ()
) -> list[Reason]:
    """Return what is odd or wrong with a clip whose pictures and sound were decoded to their end.

    Args:
        recording: the video file.
        seen: what decoding its pictures met.
        heard: what decoding its sound met.
        sound_notes: what is odd about a sound file of its own.
    """
    found = [Reason(note) for note in (*recording.notes, *seen.notes)]
    found += [Reason(fault, fault=True) for fault in seen.faults]
    found += [Reason(note) for note in (*sound_notes, *heard.notes)]
    found += [Reason(fault, fault=True) for fault in heard.faults]
    if heard.seconds and heard.peak and seen.frames / FRAMES_PER_SECOND - heard.seconds > SILENCE_AFTER_S:
        found.append(Reason(f"the sound ends at {heard.seconds:.2f} s; silence stands in after that"))
    # what stopped the reading of both tracks is told once
    return list(dict.fromkeys(found))
