"""What the street generator can be told. Each nuisance is a share: 0 turns it off, 1 puts it into every clip."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


def _share(default: float, description: str) -> Any:
    return Field(default, ge=0, le=1, description=description)


class StreetSettings(BaseModel):
    """Settings of a synthetic data set. The same settings give the same data set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(1, ge=0, description="another seed gives other streets")
    seconds: float = Field(10.0, ge=1, le=120, description="length of a clip")
    frames_per_second: Literal[8, 24, 30] = Field(24, description="pictures a second; 8 is all that a run looks at")
    width: int = Field(400, ge=160, le=1280, multiple_of=2, description="pixels; even, as H.264 4:2:0 needs")
    height: int = Field(224, ge=90, le=720, multiple_of=2, description="pixels; even, as H.264 4:2:0 needs")
    traffic: float = Field(3.0, ge=0, le=8, description="vehicles that pass in ten seconds, on average")
    speed: float = Field(1.0, ge=0.3, le=2, description="of the traffic; 1 is 5 to 12 m/s")

    along: float = _share(0.25, "share of clips that look along the road: vehicles come nearer or go away")
    curved: float = _share(0.5, "share of clips with a bend in the road")
    one_class: float = _share(0.2, "share of clips in which all that passes is of one class: a bus lane, a lorry road")
    crowded: float = _share(0.3, "share of clips in which vehicles may pass, and sound, at the same time")
    parked: float = _share(0.5, "share of clips with parked, silent vehicles")
    idling: float = _share(0.15, "share of clips with a vehicle that stands with its engine running")
    silent_movers: float = _share(0.25, "share of clips with bicycles: they move and make no sound")
    pedestrians: float = _share(0.4, "share of clips with people who walk")
    trees: float = _share(0.5, "share of clips with trees that wave")
    clouds: float = _share(0.5, "share of clips with clouds that drift")
    shadows: float = _share(0.5, "share of clips in sunlight: vehicles and trees cast shadows (not at night)")
    night: float = _share(0.15, "share of clips at night: dark, with lamps and lights")
    shaky_camera: float = _share(0.25, "share of clips from a camera held by hand")
    off_screen: float = _share(0.2, "share of clips with a vehicle behind the camera: heard, never seen")
    wind: float = _share(0.4, "share of clips with gusts of wind in the microphone")
    other_sounds: float = _share(0.4, "share of clips with birds, steps or a bell: sounds of no vehicle")
    ntsc: float = _share(0.0, "share of clips at 29.97 frames per second, the rate of NTSC, in place of the other")
    sensor_noise: float = Field(1.5, ge=0, le=10, description="noise of the camera, grey levels (standard deviation)")
