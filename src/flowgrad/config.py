"""The configuration as one typed model: the source of the defaults, of the checks and of the JSON schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from flowgrad.datasets import FORMATS, Dataset, open_dataset
from flowgrad.datasets.streets import ROOT as STREETS_ROOT
from flowgrad.datasets.streets import Streets
from flowgrad.detection.base import CLASSES
from flowgrad.errors import InputError
from flowgrad.expansion import expanded
from flowgrad.faults import SAID, Fault, faults, misfits
from flowgrad.kinds import KeysOf
from flowgrad.models.layout import CHECKPOINTS
from flowgrad.models.registry import DEFAULT_MODELS, MODELS, checkpoint_names
from flowgrad.protocols import BUILT_IN, Protocol
from flowgrad.spelling import did_you_mean
from flowgrad.synthetic.settings import StreetSettings

DEMO = Path(__file__).with_name("demo.yaml")
TRAINED = "trained"
"""Stands for weights that the run itself trains, where a file could be named."""
TRAINABLE = tuple(CHECKPOINTS)


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Return what is said of a name that is not known: the one that was probably meant, or those that there are."""
    return f"unknown {what}" + (did_you_mean(name, known) or f"; known: {', '.join(known)}")


def _among(known: Iterable[str], what: str) -> AfterValidator:
    """Accept the known names; ``what`` says what another would be, with its place for the name."""

    def accept(name: str) -> str:
        if name not in known:
            raise ValueError(unknown(what.format(name), name, known))
        return name

    return AfterValidator(accept)


def _at(key: str, words: str, value: Any) -> ValidationError:
    """Return an error of a validator that lies below what it looks at."""
    fault = InitErrorDetails(type=PydanticCustomError(SAID, "{words}", {"words": words}), loc=(key,), input=value)
    return ValidationError.from_exception_data(key, [fault])


def _free(name: str) -> str:
    """Accept a name for a protocol of one's own."""
    if name in BUILT_IN:
        raise ValueError("is built in; choose another name")
    if not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError("a name may hold letters, digits, '-' and '_' only")
    return name


ModelName = Annotated[str, _among(MODELS, "model {!r}")]
MethodName = Annotated[str, _among(TRAINABLE, "method {!r}")]
MethodKey = Annotated[str, _among(TRAINABLE, "key")]
CheckpointKey = Annotated[str, _among(checkpoint_names(), "key")]
OwnName = Annotated[str, AfterValidator(_free)]


GivenPath = Annotated[Path, BeforeValidator(expanded)]
GivenName = Annotated[str, BeforeValidator(expanded)]
"""A path, and a name that may be one, with ``~`` and environment variables written out."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatasetConfig(_Strict):
    """Where the clips are."""

    format: Literal["urbansas", "videos", "streets"] = Field(
        "urbansas",
        description="urbansas: the dataset's folders with annotations; videos: any folder of videos; streets: rendered",
    )
    root: GivenPath = Field(
        description="the dataset's folder; streets have none, they are rendered under results/streets",
        examples=["/data/urbansas"],
    )

    @model_validator(mode="before")
    @classmethod
    def _streets_have_a_place(cls, value: Any) -> Any:
        if not isinstance(value, dict) or value.get("format") != "streets":
            return value
        if value.get("root", STREETS_ROOT) != STREETS_ROOT:
            raise _at("root", f"streets are rendered under {STREETS_ROOT}; leave it out", value["root"])
        return value | {"root": STREETS_ROOT}

    @property
    def labelled(self) -> bool:
        """Return whether the format has annotations."""
        return self.format == "streets" or FORMATS[self.format].labelled


class StreetsConfig(StreetSettings):
    """The streets that are rendered with ``format: streets``: how many, and everything that can vary in them."""

    labelled: int = Field(8, ge=0, le=100_000, description="clips with annotations, which are scored")
    unlabelled: int = Field(40, ge=0, le=100_000, description="clips without, from which is learnt")

    def settings(self) -> StreetSettings:
        """Return what the streets look and sound like."""
        return StreetSettings.model_validate(self.model_dump(exclude={"labelled", "unlabelled"}))


class DetectorConfig(_Strict):
    """The YOLO detector of the vision-only rows."""

    weights: GivenName = Field(
        "yolov8n.pt",
        description="a path, a file name in the weights folder, streets-detector.pt (it comes with flowgrad),"
        " or (with rendered streets) 'trained'",
    )
    image_size: int = Field(640, ge=32, le=4096, multiple_of=32, description="longer side of its input, pixels")
    confidence: float = Field(0.25, ge=0, le=1, description="detections below are dropped")
    iou: float = Field(0.7, gt=0, le=1, description="overlap at which non-maximum suppression drops the weaker box")
    classes: dict[str, list[str]] = Field(
        default_factory=dict,
        description="what the weights call a vehicle, by label (car, motorcycle, bus, truck); a label without an entry"
        " goes by its usual names, and one with an empty list is not looked for",
        json_schema_extra={"propertyNames": {"enum": list(CLASSES)}},
    )

    @field_validator("classes")
    @classmethod
    def _classes_are_vehicles(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        for label in value:
            if label not in CLASSES:
                raise ValueError(f"detector.classes.{label}: unknown key; known: {', '.join(CLASSES)}")
        names = [name for given in value.values() for name in given]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"detector.classes: {name!r} is named twice; a name of the weights has one label")
        # one order: nothing is redone because a file lists them in another
        return {label: sorted(value[label]) for label in CLASSES if label in value}


class TrainingConfig(_Strict):
    """How ``snakemake train`` trains RCGrad, FlowGrad-IC and FlowGrad-EN. The defaults are RCGrad's own."""

    root: GivenPath | None = Field(
        None, description="folder of videos to learn from; default: the dataset's clips without annotations"
    )
    methods: list[MethodName] = Field(
        list(TRAINABLE), description="what the target train makes, besides checkpoints that are 'trained'"
    )
    # torch 2.14 corrupts its memory in the backward pass of narrower convolutions on a CPU
    width: int = Field(
        64, ge=16, le=512, multiple_of=16, description="channels of the first stage; 64 is the published size"
    )
    start: dict[MethodKey, GivenName] = Field(
        default_factory=dict,
        description="where a method starts: imagenet, nothing, rcgrad (the RCGrad of this run) or an RCGrad file",
    )
    frames_per_second: Literal[1, 2, 4, 8] = Field(2, description="pictures a second that can be picked")
    passes: int = Field(1, ge=1, le=10_000, description="times that an epoch goes through all windows of every clip")
    together: int = Field(1, ge=1, le=65_536, description="windows of one clip that stand in a batch together")
    held_out: float = Field(0.1, gt=0, lt=1, description="share of the videos that decide when training ends")
    batch_size: int = Field(256, ge=2, le=65_536, description="samples that are contrasted with each other")
    epochs: int = Field(100, ge=1, le=100_000, description="at most this many")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="of Adam, at the start")
    shrink_after: int = Field(5, ge=1, description="epochs without a better held-out loss; then a tenth of the rate")
    stop_after: int = Field(10, ge=1, description="epochs without a better held-out loss; then training ends")
    detector_epochs: int = Field(16, ge=1, le=10_000, description="of the detector of rendered streets, all of them")
    augment: bool = Field(False, description="crop, mirror, light and filter samples at random; the papers do not")
    seed: int = Field(2021, ge=0, lt=2**32, description="of everything that is drawn")
    precision: Literal["float32", "bfloat16"] = Field("float32", description="arithmetic of the encoders")
    threads: int = Field(8, ge=1, le=1024, description="cores of a training, where the run has so many")
    gpus: int = Field(1, ge=1, le=1024, description="GPUs of a training, where GPUs are used")

    @field_validator("methods")
    @classmethod
    def _methods_are_distinct(cls, value: list[str]) -> list[str]:
        return _distinct(value, TRAINABLE, "method")

    @field_validator("start")
    @classmethod
    def _rcgrad_starts_elsewhere(cls, value: dict[str, str]) -> dict[str, str]:
        if value.get("rcgrad") == "rcgrad":
            raise _at("rcgrad", "cannot start from itself; give it imagenet, nothing or a file", value)
        return value

    def start_of(self, method: str) -> str:
        """Return where a method starts."""
        return self.start.get(method, "imagenet" if method == "rcgrad" else "rcgrad")


class CustomProtocol(_Strict):
    """A protocol of one's own: a built-in one with some fields changed."""

    based_on: Literal["paper", "released"] = "paper"
    change: Annotated[dict[str, Any], KeysOf(Protocol)] = Field(
        default_factory=dict, description="fields of docs/protocols.md and their values"
    )

    @field_validator("change")
    @classmethod
    def _fields_are_known(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        _changed(info.data.get("based_on", "paper"), value)
        return value

    def build(self) -> Protocol:
        """Return the protocol."""
        return _changed(self.based_on, self.change)


def _changed(base: str, change: Mapping[str, Any]) -> Protocol:
    return Protocol.model_validate(BUILT_IN[base].model_dump() | dict(change))


class Config(_Strict):
    """Everything that a run can be told. A relative path is relative to the working folder."""

    dataset: DatasetConfig
    streets: StreetsConfig = Field(default_factory=lambda: StreetsConfig.model_validate({}))
    models: list[ModelName] | Literal["available"] = Field(
        DEFAULT_MODELS,
        description="rows of the table, controls too if named; 'available': those whose weights are found,"
        " the rest is named",
    )
    custom_protocols: dict[OwnName, CustomProtocol] = Field(
        default_factory=dict, description="protocols of your own, by name; list the name under protocols too"
    )
    protocols: list[str] = Field(["paper", "released"], description="how inputs are prepared and maps are scored")
    checkpoints: dict[CheckpointKey, GivenPath | Literal["trained"]] = Field(
        default_factory=dict,
        description="network weights, or 'trained'; without an entry the published name in the weights folder",
    )
    training: TrainingConfig = Field(default_factory=lambda: TrainingConfig.model_validate({}))
    detector: DetectorConfig = Field(default_factory=lambda: DetectorConfig.model_validate({}))
    clips_per_job: int = Field(32, ge=1, le=100_000, description="clips in a new shard; shards that exist stay")
    frames_on_disk: int = Field(
        16, ge=0, le=100_000, description="shards whose pictures may lie on disk; the others are decoded when needed"
    )
    frames: Literal["all", "annotated"] = Field("all", description="annotated: only the frames that are scored")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where the networks run")
    precision: Literal["float32", "bfloat16"] = Field("float32", description="arithmetic of the encoders")
    batch_size: Annotated[int, Field(ge=1, le=4096)] | Literal["auto"] = Field(
        "auto",
        description="frames that pass through a network at once; auto: 16 on a CPU, by the free memory on a GPU",
    )
    pictures: int = Field(4, ge=0, le=64, description="clips of a shard that are pictured; 0 for none")
    container: GivenName | None = Field(
        None, description="image of the jobs, a path or an address, with --software-deployment-method apptainer"
    )
    on_bad_clip: Literal["continue", "fail"] = Field(
        "continue",
        description="fail: a run with a failed clip ends with an error, after all tables are written",
    )

    @field_validator("models")
    @classmethod
    def _models_are_distinct(cls, value: list[str] | str) -> list[str] | str:
        return value if isinstance(value, str) else _distinct(value, MODELS, "model")

    @field_validator("checkpoints")
    @classmethod
    def _checkpoints_can_be_trained(cls, value: dict[str, Path | str]) -> dict[str, Path | str]:
        for name, file in value.items():
            if file == TRAINED and name not in TRAINABLE:
                raise _at(name, f"cannot be trained here; that can {', '.join(TRAINABLE)}", file)
        return value

    @field_validator("protocols")
    @classmethod
    def _protocols_are_known(cls, value: list[str], info: ValidationInfo) -> list[str]:
        # where the definitions themselves are wrong, their names are taken as known: one fault, one sentence
        known = [*BUILT_IN, *info.data.get("custom_protocols", value)]
        wrong = [unknown(f"protocol {name!r}", name, known) for name in value if name not in known]
        if wrong:
            raise ValueError("; ".join(wrong))
        return _distinct(value, known, "protocol")

    @field_validator("frames")
    @classmethod
    def _annotated_needs_annotations(cls, value: str, info: ValidationInfo) -> str:
        dataset = info.data.get("dataset")
        if value == "annotated" and dataset and not dataset.labelled:
            raise ValueError(f"'annotated' needs annotations, which format {dataset.format!r} has not")
        return value

    @field_validator("detector")
    @classmethod
    def _detector_can_be_trained(cls, value: DetectorConfig, info: ValidationInfo) -> DetectorConfig:
        dataset, training = info.data.get("dataset"), info.data.get("training")
        if value.weights == TRAINED and dataset and dataset.format != "streets":
            raise _at("weights", "only rendered streets have boxes to train a detector from; name a file", TRAINED)
        if value.weights == TRAINED and training and training.root is not None:
            raise _at("weights", "a detector is trained from rendered streets; leave out training.root", TRAINED)
        return value

    def open_dataset(self) -> Dataset:
        """Return the dataset that is run."""
        if self.dataset.format == "streets":
            return Streets(self.streets.settings(), "labelled", self.streets.labelled)
        return open_dataset(self.dataset.format, self.dataset.root)

    def protocol(self, name: str) -> Protocol:
        """Return a protocol of this configuration by name."""
        return BUILT_IN[name] if name in BUILT_IN else self.custom_protocols[name].build()

    def used_protocols(self) -> dict[str, Protocol]:
        """Return the protocols that are run, by name."""
        return {name: self.protocol(name) for name in self.protocols}


def _distinct(names: list[str], known: Any, what: str) -> list[str]:
    if not names:
        raise ValueError(f"at least one {what} is needed: {', '.join(known)}")
    if len(set(names)) != len(names):
        raise ValueError(f"a {what} is named twice: {', '.join(names)}")
    return names


def overlay(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``top`` laid over it, key by key at every depth, as the workflow engine does."""
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        merged[key] = overlay(below, value) if isinstance(value, Mapping) and isinstance(below, Mapping) else value
    return merged


def is_demo(raw: Mapping[str, Any]) -> bool:
    """Return whether a raw configuration names no dataset, so that the demo's settings lie under it."""
    return "dataset" not in raw


def with_demo(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a raw configuration; where it is the demo's, laid over those settings (``demo.yaml``)."""
    import yaml

    return overlay(yaml.safe_load(DEMO.read_text(encoding="utf-8")), raw) if is_demo(raw) else dict(raw)


def parse(raw: Mapping[str, Any]) -> Config:
    """Return the checked configuration; without a dataset it is the demo's (:func:`with_demo`).

    Raises ``InputError`` that names every wrong key and says what was expected.
    """
    whole = with_demo(raw)
    found = misfits(Config, whole)
    try:
        config = Config.model_validate(whole)
    except ValidationError as error:
        known = {fault.place for fault in found}
        raise ConfigurationError(
            found + [fault for fault in faults(Config, error) if fault.place not in known]
        ) from error
    if found:
        raise ConfigurationError(found)
    return config


class ConfigurationError(InputError):
    """A configuration that cannot be used: its faults, each with the keys that lead to it and one sentence."""

    def __init__(self, found: list[Fault]):
        self.faults = found
        super().__init__("configuration: " + "; ".join(fault.words for fault in found))


def without(raw: Mapping[str, Any], place: tuple[str, ...]) -> dict[str, Any]:
    """Return a raw configuration without the key that a place leads to, as deep as there are keys."""
    first, *rest = place
    below = raw.get(first)
    if rest and isinstance(below, Mapping) and rest[0] in below:
        return {**raw, first: without(below, tuple(rest))}
    return {key: value for key, value in raw.items() if key != first}


def json_schema() -> str:
    """Return the JSON schema of the configuration; ``workflow/schemas/config.schema.json`` is this text."""
    return json.dumps(Config.model_json_schema(), indent=2) + "\n"
