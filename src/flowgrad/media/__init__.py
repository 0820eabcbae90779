"""Decoding with PyAV: what a file holds, its pictures by timestamp and its sound in step with them."""

from flowgrad.media.audio import SoundReport, sound
from flowgrad.media.container import open_media
from flowgrad.media.mixture import Samples, mixture, whole
from flowgrad.media.reasons import Reason, reasons
from flowgrad.media.recording import Recording, Track, inspect
from flowgrad.media.still import still
from flowgrad.media.video import DecodeReport, Picture, pictures

__all__ = [
    "DecodeReport",
    "Picture",
    "Reason",
    "Recording",
    "Samples",
    "SoundReport",
    "Track",
    "inspect",
    "mixture",
    "open_media",
    "pictures",
    "reasons",
    "sound",
    "still",
    "whole",
]
