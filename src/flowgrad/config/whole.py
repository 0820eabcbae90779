"""The configuration as one typed model: the source of the defaults, of the checks and of the JSON schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator

from flowgrad import weights
from flowgrad.config.base import SHIPPED, TRAINED, GivenName, GivenPath, Strict, among, at, distinct, unknown
from flowgrad.config.dataset import DatasetConfig, StreetsConfig
from flowgrad.config.detector import DetectorConfig
from flowgrad.config.faults import Fault, faults, misfits
from flowgrad.config.flow import FlowConfig
from flowgrad.config.protocols import CustomProtocol, OwnName
from flowgrad.config.training import TrainingConfig
from flowgrad.datasets.base import Dataset
from flowgrad.datasets.registry import open_dataset
from flowgrad.datasets.streets import Streets
from flowgrad.errors import InputError
from flowgrad.evaluation.consensus_iou import CIOU
from flowgrad.evaluation.intervals import names as interval_names
from flowgrad.evaluation.registry import DEFAULT_METRICS, METRICS
from flowgrad.models.registry import DEFAULT_MODELS, MODELS, checkpoint_names, trainable
from flowgrad.models.runtime import AnyEngine, AnyPrecision
from flowgrad.plugins import load_files
from flowgrad.protocols import BUILT_IN, Protocol
from flowgrad.schemas.scores import ITEM
from flowgrad.schemas.summary import SUMMARY
from flowgrad.spelling import did_you_mean

DEMO = Path(__file__).with_name("demo.yaml")

ModelName = Annotated[str, among(lambda: MODELS, "model {!r}")]
MetricName = Annotated[str, among(lambda: METRICS, "metric {!r}")]
CheckpointKey = Annotated[str, among(checkpoint_names, "key")]
Files = dict[CheckpointKey, GivenPath | Literal["trained"]]


def listed(checkpoints: Any) -> Any:
    """Return the checkpoints that a word stands for, by their keys; anything else as it is.

    ``trained``: all that can be trained here. ``shipped``: those that come with flowgrad, and of the others again those
    that can be trained.
    """
    if isinstance(checkpoints, str) and checkpoints not in (TRAINED, SHIPPED):
        meant = did_you_mean(checkpoints, (TRAINED, SHIPPED))
        raise ValueError(f"expected keys and values, or {TRAINED} or {SHIPPED}, got {checkpoints!r}{meant}")
    if not isinstance(checkpoints, str):
        return checkpoints
    files = {name: TRAINED for name in trainable()}
    return files if checkpoints == TRAINED else files | weights.shipped_networks(checkpoint_names())


class Config(Strict):
    """Everything that a run can be told. A relative path is relative to the working folder."""

    plugins: list[GivenName] = Field(
        default_factory=list,
        description="Python files that add models, datasets, metrics, threshold rules or flow estimators",
    )
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
    metrics: list[MetricName] = Field(DEFAULT_METRICS, description="figures of the table; ciou is always the first")
    reference: ModelName | None = Field(
        None, description="row that the others of its protocol are compared with, by paired differences"
    )
    checkpoints: Annotated[
        Files, BeforeValidator(listed, json_schema_input_type=Files | Literal["trained", "shipped"])
    ] = Field(
        default_factory=dict,
        description="network weights, or 'trained'; without an entry the published name in the weights folder. In place"
        " of all entries 'trained', or 'shipped': the small networks that come with flowgrad, for rendered streets",
    )
    flow: FlowConfig = Field(default_factory=lambda: FlowConfig.model_validate({}))
    training: TrainingConfig = Field(default_factory=lambda: TrainingConfig.model_validate({}))
    detector: DetectorConfig = Field(default_factory=lambda: DetectorConfig.model_validate({}))
    clips_per_job: Annotated[int, Field(ge=1, le=100_000)] | Literal["auto"] = Field(
        "auto",
        description="clips in a new shard; auto: the root of their number, 32 at most; shards that exist stay",
    )
    frames_on_disk: int = Field(
        16, ge=0, le=100_000, description="shards whose pictures may lie on disk; the others are decoded when needed"
    )
    frames: Literal["all", "annotated"] = Field("all", description="annotated: only the frames that are scored")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where the networks run")
    engine: AnyEngine = Field(
        "auto",
        description="what networks compute through; auto: OpenVINO on a processor where it is installed, or torch",
    )
    precision: AnyPrecision = Field(
        "float32",
        description="arithmetic of the encoders; auto: bfloat16 where the hardware computes in it; int8: 8-bit weights"
        " and activations, by OpenVINO",
    )
    batch_size: Annotated[int, Field(ge=1, le=4096)] | Literal["auto"] = Field(
        "auto",
        description="frames that pass through a network at once; auto: 16 on a CPU, by the free memory on a GPU",
    )
    pictures: int = Field(4, ge=0, le=64, description="clips of a shard that are pictured; 0 for none")
    figures: bool = Field(True, description="whether all makes the figures of the engine's report (--report)")
    page: bool = Field(True, description="whether all makes results/index.html, a page to look at the run")
    overlays: Annotated[int, Field(ge=0, le=1_000_000)] | Literal["all"] = Field(
        0, description="clips of the run that get a video of what was found in them; 0 for none, or all"
    )
    listening: bool = Field(
        False, description="ask each model that listens what it shows under the mean of all sounds, and a foreign one"
    )
    slices: Literal["none", "annotations", "all"] = Field(
        "annotations",
        description="kinds of items whose figures are told apart: by what annotations say; all: by loudness and the"
        " camera's motion, too, which are measured",
    )
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
        return value if isinstance(value, str) else distinct(value, MODELS, "model")

    @field_validator("metrics")
    @classmethod
    def _metrics_begin_with_ciou(cls, value: list[str]) -> list[str]:
        if value[:1] != [CIOU.name]:
            raise ValueError(f"{CIOU.name} is needed at the first place: [{', '.join([CIOU.name, *value])}]")
        distinct(value, METRICS, "metric")
        for name in value:
            missing = [other for other in METRICS[name].beside if other not in value]
            if missing:
                raise ValueError(f"metric {name!r} reads the values of {', '.join(missing)}: list them, too")
            if any(METRICS[other].item is None for other in METRICS[name].beside):
                raise ValueError(f"metric {name!r} reads the values of a metric that has none")
        valued = [name for name in value if METRICS[name].item is not None]
        for what, taken, columns in (
            ("frames.csv", {*ITEM, "metric", "value", "status"}, [(name, name) for name in valued]),
            (
                "summary.csv",
                set(SUMMARY),
                [
                    (name, made)
                    for name in value
                    for column in METRICS[name].columns
                    for made in (column, *interval_names(column))
                ],
            ),
        ):
            for name, column in columns:
                if column in taken:
                    raise ValueError(f"metric {name!r}: {what} has a column {column!r} already; rename it")
                taken.add(column)
        return value

    @field_validator("reference")
    @classmethod
    def _reference_is_a_row(cls, value: str | None, info: ValidationInfo) -> str | None:
        models = info.data.get("models", "available")
        if value is not None and models != "available" and value not in models:
            raise ValueError(f"{value} is no row of this run; add it to models, or name one of {', '.join(models)}")
        return value

    @field_validator("checkpoints")
    @classmethod
    def _checkpoints_can_be_trained(cls, value: dict[str, Path | str]) -> dict[str, Path | str]:
        for name, file in value.items():
            if file == TRAINED and name not in trainable():
                raise at(name, f"cannot be trained here; that can {', '.join(trainable())}", file)
        return value

    @field_validator("protocols")
    @classmethod
    def _protocols_are_known(cls, value: list[str], info: ValidationInfo) -> list[str]:
        # where the definitions themselves are wrong, their names are taken as known: one fault, one sentence
        known = [*BUILT_IN, *info.data.get("custom_protocols", value)]
        wrong = [unknown(f"protocol {name!r}", name, known) for name in value if name not in known]
        if wrong:
            raise ValueError("; ".join(wrong))
        return distinct(value, known, "protocol")

    @field_validator("frames")
    @classmethod
    def _annotated_needs_annotations(cls, value: str, info: ValidationInfo) -> str:
        dataset = info.data.get("dataset")
        if value == "annotated" and dataset and not dataset.labelled:
            raise ValueError(f"'annotated' needs annotations, which format {dataset.format!r} has not")
        reading = [name for name in info.data.get("metrics", ()) if METRICS[name].negatives]
        if value == "annotated" and reading:
            raise ValueError(f"'annotated' computes no frame without truth, which metric {reading[0]!r} reads; use all")
        return value

    @field_validator("slices", "listening")
    @classmethod
    def _what_is_scored_needs_annotations(cls, value: str | bool, info: ValidationInfo) -> str | bool:
        dataset = info.data.get("dataset")
        if value in ("all", True) and dataset and not dataset.labelled:
            raise ValueError(f"{str(value).lower()} needs annotations, which format {dataset.format!r} has not")
        return value

    @field_validator("detector")
    @classmethod
    def _detector_can_be_trained(cls, value: DetectorConfig, info: ValidationInfo) -> DetectorConfig:
        dataset, training = info.data.get("dataset"), info.data.get("training")
        if value.weights == TRAINED and dataset and not dataset.rendered:
            raise at("weights", "only rendered streets have boxes to train a detector from; name a file", TRAINED)
        if value.weights == TRAINED and training and training.root is not None:
            raise at("weights", "a detector is trained from rendered streets; leave out training.root", TRAINED)
        return value

    def open_dataset(self) -> Dataset:
        """Return the dataset that is run."""
        if self.dataset.rendered:
            return Streets(self.streets.settings(), "labelled", self.streets.labelled)
        return open_dataset(self.dataset.format, self.dataset.root, self.dataset.split)

    def protocol(self, name: str) -> Protocol:
        """Return a protocol of this configuration by name."""
        return BUILT_IN[name] if name in BUILT_IN else self.custom_protocols[name].build()

    def used_protocols(self) -> dict[str, Protocol]:
        """Return the protocols that are run, by name."""
        return {name: self.protocol(name) for name in self.protocols}


def overlay(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``top`` laid over it, key by key at every depth, as the workflow engine does."""
    # the engine's own function does the same; a check imports nothing of the engine
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

    if not is_demo(raw):
        return dict(raw)
    demo = yaml.safe_load(DEMO.read_text(encoding="utf-8"))
    if demo["reference"] not in raw.get("models", demo["models"]):
        del demo["reference"]
    # by their keys, so that a file for one of them leaves the others
    return overlay(demo | {"checkpoints": listed(demo["checkpoints"])}, raw)


def parse(raw: Mapping[str, Any]) -> Config:
    """Return the checked configuration; without a dataset it is the demo's (:func:`with_demo`).

    Raises ``InputError`` that names every wrong key and says what was expected.
    """
    whole = with_demo(raw)
    plugins = whole.get("plugins", [])
    if isinstance(plugins, list) and all(isinstance(path, str) for path in plugins):
        try:
            load_files(plugins)
        except InputError as error:
            raise ConfigurationError([Fault(("plugins",), str(error))]) from error
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
