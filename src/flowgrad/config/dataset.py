"""Sections ``dataset`` and ``streets``: where the clips are, or how they are rendered."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from flowgrad.config.base import GivenName, GivenPath, Strict, among, at
from flowgrad.datasets.registry import FORMATS, get_format
from flowgrad.datasets.streets import FORMAT as STREETS
from flowgrad.datasets.streets import ROOT as STREETS_ROOT
from flowgrad.synthetic.settings import StreetSettings

FormatName = Annotated[str, among(lambda: [*FORMATS, STREETS], "format {!r}")]


class DatasetConfig(Strict):
    """Where the clips are."""

    format: FormatName = Field(
        "urbansas",
        description="urbansas, flickr-soundnet, vggss, is3, vpo, audioset-instruments, music, vggsound-duet: a"
        " dataset's folders with annotations; ave, music-videos: those of one without boxes; videos: any folder of"
        " videos; pairs: any of pictures with sounds; streets: rendered; or one of your own",
    )
    root: GivenPath = Field(
        description="the dataset's folder; streets have none, they are rendered under results/streets",
        examples=["/data/urbansas"],
    )
    split: GivenName | None = Field(
        None, description="of a dataset with published lists: the name of one, or the path of a list of your own"
    )

    @model_validator(mode="before")
    @classmethod
    def _streets_have_a_place(cls, value: Any) -> Any:
        if not isinstance(value, dict) or value.get("format") != STREETS:
            return value
        if value.get("root", STREETS_ROOT) != STREETS_ROOT:
            raise at("root", f"streets are rendered under {STREETS_ROOT}; leave it out", value["root"])
        return value | {"root": STREETS_ROOT}

    @field_validator("split")
    @classmethod
    def _format_has_splits(cls, value: str | None, info: ValidationInfo) -> str | None:
        name = info.data.get("format")
        if value is not None and name is not None and (name == STREETS or not get_format(name).splits):
            raise ValueError(f"format {name} has no published lists; leave it out")
        return value

    @property
    def rendered(self) -> bool:
        """Return whether the run renders the clips itself."""
        return self.format == STREETS

    @property
    def labelled(self) -> bool:
        """Return whether the format has annotations."""
        return self.rendered or get_format(self.format).labelled_at(self.root)


class StreetsConfig(StreetSettings):
    """The streets that are rendered with ``format: streets``: how many, and everything that can vary in them."""

    labelled: int = Field(8, ge=0, le=100_000, description="clips with annotations, which are scored")
    unlabelled: int = Field(40, ge=0, le=100_000, description="clips without, from which is learnt")

    def settings(self) -> StreetSettings:
        """Return what the streets look and sound like."""
        return StreetSettings.model_validate(self.model_dump(exclude={"labelled", "unlabelled"}))
