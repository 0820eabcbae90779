"""Section ``training``: how ``snakemake train`` trains."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from flowgrad.config.base import GivenName, GivenPath, Strict, among, at, distinct
from flowgrad.models.base import Recipe, Training, TrainingPreset
from flowgrad.models.registry import get_model, trainable, trained_by_default

MethodName = Annotated[str, among(trainable, "method {!r}")]
OWN = "default: the model's own"
MethodKey = Annotated[str, among(trainable, "key")]


class TrainingConfig(Strict):
    """How ``snakemake train`` trains. What is None is as each model's own recipe has it (:meth:`recipe_of`)."""

    renamed: ClassVar[dict[str, str]] = {
        "shrink_after": "lr_patience",
        "stop_after": "early_stopping_patience",
        "start": "init",
    }

    root: GivenPath | None = Field(
        None, description="folder of videos to learn from; default: the dataset's clips without annotations"
    )
    labels: GivenPath | None = Field(
        None, description="table of the classes that a tagger hears and sees in clips, for models that learn from these"
    )
    methods: list[MethodName] = Field(
        default_factory=trained_by_default,
        description="what the target train makes, besides checkpoints that are 'trained'",
    )
    # torch 2.14 corrupts its memory in the backward pass of narrower convolutions on a CPU
    width: int = Field(
        64, ge=16, le=512, multiple_of=16, description="channels of the first stage; 64 is the published size"
    )
    init: dict[MethodKey, GivenName] = Field(
        default_factory=dict,
        description="where a method starts: imagenet, random, rcgrad (the RCGrad of this run) or a file of it",
    )
    preset: TrainingPreset = Field(
        "paper", description="faults of the released training code are mended, or had back where they are arithmetic"
    )
    frames_per_second: Literal[1, 2, 4, 8] = Field(2, description="frames a second that can be picked")
    passes: int = Field(1, ge=1, le=10_000, description="times that an epoch goes through all windows of every clip")
    together: int = Field(1, ge=1, le=65_536, description="windows of one clip that stand in a batch together")
    held_out: float = Field(0.1, gt=0, lt=1, description="share of the videos that decide when training ends")
    batch_size: int | None = Field(
        None, ge=2, le=65_536, description=f"samples that are contrasted with each other; {OWN}"
    )
    epochs: int | None = Field(None, ge=1, le=100_000, description=f"at most this many; {OWN}")
    optimizer: Literal["adam", "sgd"] | None = Field(None, description=f"adam or sgd; {OWN}")
    learning_rate: float | None = Field(None, gt=0, le=1, description=f"at the start; {OWN}")
    weight_decay: float | None = Field(None, ge=0, le=1, description=f"of all weights; {OWN}")
    momentum: float | None = Field(None, ge=0, lt=1, description=f"of sgd; {OWN}")
    lr_patience: int | None = Field(
        None, ge=1, description=f"epochs without a better held-out loss; then a tenth of the rate; {OWN}"
    )
    early_stopping_patience: int | None = Field(
        None, ge=1, description=f"epochs without a better held-out loss; then training ends; {OWN}"
    )
    detector_epochs: int = Field(16, ge=1, le=10_000, description="of the detector of rendered streets, all of them")
    compare: Literal["means", "best-places"] = Field(
        "means",
        description="what of a picture its sound is compared with: the mean over all places, as the papers do, or the"
        " places that fit best",
    )
    mosaics: float = Field(0, ge=0, le=1, description="share of the batches whose frames are shown four in a picture")
    augment: bool = Field(False, description="crop, mirror, light and filter samples at random; the papers do not")
    seed: int = Field(2021, ge=0, lt=2**32, description="of everything that is drawn")
    precision: Literal["float32", "bfloat16"] = Field("float32", description="arithmetic of the encoders")
    threads: int = Field(8, ge=1, le=1024, description="cores of a training, where the run has so many")
    gpus: int = Field(1, ge=1, le=1024, description="GPUs of a training, where GPUs are used")

    @field_validator("methods")
    @classmethod
    def _methods_are_distinct(cls, value: list[str]) -> list[str]:
        return distinct(value, trainable(), "method")

    @field_validator("init")
    @classmethod
    def _starts_elsewhere(cls, value: dict[str, str]) -> dict[str, str]:
        for method, start in value.items():
            if start == "nothing":
                raise at(method, "nothing is called random now", value)
            if start == method:
                raise at(method, "cannot start from itself; give it imagenet, random or a file", value)
        return value

    def init_of(self, method: str) -> str:
        """Return where a method starts."""
        return self.init.get(method, _declared(method).init)

    def recipe_of(self, method: str) -> Recipe:
        """Return how the weights of a method are moved: its own recipe, but for what is given here."""
        names = (field.name for field in fields(Recipe))
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        return replace(_declared(method).recipe, **given)


def _declared(method: str) -> Training:
    training = get_model(method).training
    assert training is not None, method
    return training
