"""The presets of Hear The Flow: they differ in the flow alone."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from flowgrad.models.base import AudioSpec, FlowSpec, FrameSpec, Needs, Settings

SAMPLE_RATE, SECONDS = 22050, 3


class HearTheFlow(Settings):
    """A frame, 3 s of sound at 22,050 Hz, and signed flow in pixels of the source per second.

    What JPEG keeps is in pixels per 1/8 s, as the released code has it of its own frames.
    """

    flow_storage: Literal["float16", "jpeg"] = Field(
        "float16", description="signed flow in float, or whole pixels stored as JPEG, motion left and up lost"
    )

    def needs(self) -> Needs:
        """Return a frame, the sound around it and the flow with its direction."""
        signed = FlowSpec("signed", per_second=True)
        flow = signed if self.flow_storage == "float16" else FlowSpec("signed_jpeg")
        return Needs(frames=FrameSpec(), audio=AudioSpec(SAMPLE_RATE, SECONDS), flow=flow)


PRESETS = {"paper": HearTheFlow(), "released": HearTheFlow(flow_storage="jpeg"), "robust": HearTheFlow()}
