"""The presets of Hear The Flow: they differ in the flow alone."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from flowgrad.models.base import AudioSpec, FlowSpec, FrameSpec, Needs, Settings

SAMPLE_RATE, SECONDS = 22050, 3


class HearTheFlow(Settings):
    """A frame, 3 s of sound at 22,050 Hz, and signed flow."""

    flow_storage: Literal["float16", "jpeg"] = Field(
        "float16", description="signed flow in float, or whole pixels stored as JPEG, motion left and up lost"
    )

    def needs(self) -> Needs:
        """Return a frame, the sound around it and the flow with its direction."""
        form = "signed" if self.flow_storage == "float16" else "signed_jpeg"
        return Needs(frames=FrameSpec(), audio=AudioSpec(SAMPLE_RATE, SECONDS), flow=FlowSpec(form))


PRESETS = {"paper": HearTheFlow(), "released": HearTheFlow(flow_storage="jpeg"), "robust": HearTheFlow()}
