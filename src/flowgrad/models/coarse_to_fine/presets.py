"""The presets of Coarse to Fine, in both versions: they differ in the loudness of the sound."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from flowgrad.models.base import AudioSpec, FrameSpec, Needs, Settings

FRAME_SIZE, SAMPLE_RATE, SECONDS = 256, 22050, 5


class Original(Settings):
    """A frame of 256x256, and 5 s of sound at 22,050 Hz."""

    audio_peak: Literal["kept", "one"] = Field(
        "kept", description="samples as they are, as in training, or divided by the largest of the window"
    )

    def needs(self) -> Needs:
        """Return a frame and the sound around it."""
        return Needs(frames=FrameSpec(FRAME_SIZE), audio=AudioSpec(SAMPLE_RATE, SECONDS))


class CoarseToFine(Original):
    """The simplified version says which classes are heard by their probability."""

    class_probability: float = Field(
        0.3, gt=0, lt=1, description="a class is heard if it is likelier than this; the likeliest always is"
    )


PRESETS = {"paper": CoarseToFine(), "released": CoarseToFine(audio_peak="one"), "robust": CoarseToFine()}
ORIGINAL = {"paper": Original(), "released": Original(audio_peak="one"), "robust": Original()}
