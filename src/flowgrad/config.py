"""The configuration as one typed model: the source of the defaults, of the checks and of the JSON schema."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from flowgrad.datasets import FORMATS
from flowgrad.errors import InputError
from flowgrad.models.registry import DEFAULT_MODELS, MODELS, checkpoint_names
from flowgrad.protocols import BUILT_IN, Protocol


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatasetConfig(_Strict):
    """Where the clips are."""

    format: Literal["urbansas", "videos"] = Field(
        "urbansas",
        description="urbansas: the dataset's folders with annotations; videos: any folder of videos",
    )
    root: Path = Field(description="the dataset's folder")


class DetectorConfig(_Strict):
    """The YOLO detector of the vision-only rows."""

    weights: str = Field("yolov8n.pt", description="a path, or a file name in the weights folder")
    image_size: int = Field(640, ge=32, le=4096, multiple_of=32, description="longer side of its input, pixels")
    confidence: float = Field(0.25, ge=0, le=1, description="detections below are dropped")
    iou: float = Field(0.7, gt=0, le=1, description="overlap at which non-maximum suppression drops the weaker box")


class CustomProtocol(_Strict):
    """A protocol of one's own: a built-in one with some fields changed."""

    based_on: Literal["paper", "released"] = "paper"
    change: dict[str, Any] = Field(default_factory=dict, description="fields of docs/protocols.md and their values")

    @model_validator(mode="after")
    def _fields_are_known(self) -> CustomProtocol:
        self.build()
        return self

    def build(self) -> Protocol:
        """Return the protocol."""
        return Protocol.model_validate(BUILT_IN[self.based_on].model_dump() | self.change)


class Config(_Strict):
    """Everything that a run can be told. A relative path is relative to the working folder."""

    dataset: DatasetConfig
    models: list[str] | str = Field(
        DEFAULT_MODELS,
        description="rows of the table, controls too if named; 'available': those whose weights are found,"
        " the rest is named",
    )
    custom_protocols: dict[str, CustomProtocol] = Field(
        default_factory=dict, description="protocols of your own, by name; list the name under protocols too"
    )
    protocols: list[str] = Field(["paper", "released"], description="how inputs are prepared and maps are scored")
    checkpoints: dict[str, Path] = Field(
        default_factory=dict,
        description="network weights; without an entry the published name in the weights folder",
    )
    detector: DetectorConfig = Field(default_factory=lambda: DetectorConfig.model_validate({}))
    clips_per_job: int = Field(16, ge=1, le=100_000, description="clips in a new shard; shards that exist stay")
    frames: Literal["all", "annotated"] = Field("all", description="annotated: only the frames that are scored")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where the networks run")
    precision: Literal["float32", "bfloat16"] = Field("float32", description="arithmetic of the encoders")
    batch_size: int = Field(16, ge=1, le=4096, description="frames that pass through a network at once")
    pictures: int = Field(4, ge=0, le=64, description="clips of a shard that are pictured; 0 for none")
    on_bad_clip: Literal["continue", "fail"] = Field(
        "continue",
        description="fail: a run with a failed clip ends with an error, after all tables are written",
    )

    @field_validator("models")
    @classmethod
    def _models_are_known(cls, value: list[str] | str) -> list[str] | str:
        if isinstance(value, str):
            if value != "available":
                raise ValueError(f"models: {value!r} is neither 'available' nor a list of models")
            return value
        return _distinct(value, MODELS, "model")

    @field_validator("checkpoints")
    @classmethod
    def _checkpoints_are_known(cls, value: dict[str, Path]) -> dict[str, Path]:
        for name in value:
            if name not in checkpoint_names():
                raise ValueError(f"checkpoints.{name}: unknown key; known: {', '.join(checkpoint_names())}")
        return value

    @field_validator("custom_protocols")
    @classmethod
    def _names_are_free(cls, value: dict[str, CustomProtocol]) -> dict[str, CustomProtocol]:
        for name in value:
            if name in BUILT_IN:
                raise ValueError(f"custom_protocols: {name!r} is built in; choose another name")
            if not name.replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"custom_protocols: {name!r} may hold letters, digits, '-' and '_' only")
        return value

    @field_validator("protocols")
    @classmethod
    def _protocols_are_known(cls, value: list[str], info: ValidationInfo) -> list[str]:
        # where the definitions themselves are wrong, their names are taken as known: one fault, one sentence
        own = info.data.get("custom_protocols", value)
        return _distinct(value, [*BUILT_IN, *own], "protocol")

    @field_validator("frames")
    @classmethod
    def _annotated_needs_annotations(cls, value: str, info: ValidationInfo) -> str:
        dataset = info.data.get("dataset")
        if value == "annotated" and dataset and not FORMATS[dataset.format].labelled:
            raise ValueError(f"frames: 'annotated' needs annotations, which format {dataset.format!r} has not")
        return value

    def protocol(self, name: str) -> Protocol:
        """Return a protocol of this configuration by name."""
        return BUILT_IN[name] if name in BUILT_IN else self.custom_protocols[name].build()

    def used_protocols(self) -> dict[str, Protocol]:
        """Return the protocols that are run, by name."""
        return {name: self.protocol(name) for name in self.protocols}


def _distinct(names: list[str], known: Any, what: str) -> list[str]:
    if not names:
        raise ValueError(f"at least one {what} is needed: {', '.join(known)}")
    for name in names:
        if name not in known:
            raise ValueError(f"unknown {what} {name!r}; known: {', '.join(known)}")
    if len(set(names)) != len(names):
        raise ValueError(f"a {what} is named twice: {', '.join(names)}")
    return names


def parse(raw: Mapping[str, Any]) -> Config:
    """Return the checked configuration.

    Raises ``InputError`` that names every wrong key and says what was expected.
    """
    try:
        return Config.model_validate(dict(raw))
    except ValidationError as error:
        faults = error.errors()
        keys = {str(fault["loc"][0]) for fault in faults if fault["loc"]}
        raise ConfigurationError([_words(fault) for fault in faults], keys) from error


class ConfigurationError(InputError):
    """A configuration that cannot be used: one sentence a fault, and the top-level keys that hold the faults."""

    def __init__(self, faults: list[str], keys: set[str]):
        self.faults, self.keys = faults, keys
        super().__init__("configuration: " + "; ".join(faults))


def _words(fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"] if part not in ("list[str]", "str"))
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(where, Config.model_fields, n=1)
        return f"{where}: unknown key" + (f"; did you mean {near[0]}?" if near else "")
    if fault["type"] == "missing":
        example = "; for example dataset: {format: videos, root: /my/videos}" if where.startswith("dataset") else ""
        return f"{where}: is required{example}"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{where}: {message} (got {fault['input']!r})" if where and fault["type"] != "value_error" else message


def json_schema() -> str:
    """Return the JSON schema of the configuration; ``workflow/schemas/config.schema.json`` is this text."""
    return json.dumps(Config.model_json_schema(), indent=2) + "\n"
