"""The presets of visual context semantics: the paper and the released code see the same, as far as is known."""

from __future__ import annotations

from flowgrad.models.base import PRESETS as PROTOCOLS
from flowgrad.models.base import AudioSpec, FrameSpec, Needs, Settings

SAMPLE_RATE, SECONDS = 24000, 3


class VisualContext(Settings):
    """A frame, and 3 s of sound at 24 kHz."""

    def needs(self) -> Needs:
        """Return a frame and the sound around it."""
        return Needs(frames=FrameSpec(), audio=AudioSpec(SAMPLE_RATE, SECONDS))


PRESETS: dict[str, Settings] = dict.fromkeys(PROTOCOLS, VisualContext())
