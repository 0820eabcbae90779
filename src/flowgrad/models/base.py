"""What a model is to the rest of the product: what it needs, under which presets, and how it is loaded. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from flowgrad.code import Code, implementation, module_of
from flowgrad.constants import FRAMES_PER_SECOND, MAP_SIZE, FrameStorage
from flowgrad.errors import InputError
from flowgrad.flow.forms import Scale
from flowgrad.flow.windows import LONGEST_S, REACH, pairs_around
from flowgrad.models.arithmetic import Engine as Engine
from flowgrad.models.arithmetic import Precision as Precision
from flowgrad.models.arithmetic import Runtime as Runtime

if TYPE_CHECKING:
    from flowgrad.models.layout import CheckpointLayout
    from flowgrad.protocols import Protocol

Maps = npt.NDArray[np.float32]
Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True)
class FrameSpec:
    """The frame: stretched to ``size`` x ``size`` by PIL's bicubic filter, as decoded or after 8-bit JPEG."""

    size: int = MAP_SIZE
    storage: FrameStorage = "exact"


@dataclass(frozen=True)
class AudioSpec:
    """The audio: mono, ``seconds`` long, centred on the item, silence past the ends of the recording.

    ``bits``: float samples in -1..1, or the same rounded to 16 bits.
    """

    sample_rate: int
    seconds: float
    bits: Literal["float", "16"] = "float"


@dataclass(frozen=True)
class FlowSpec:
    """The flow from the frame to its successor, in a form of :mod:`flowgrad.flow.forms`, or what is made of it.

    Attributes:
        form: as it is kept.
        magnitude: a signed form is given as the length of its vectors, so as what is kept as a magnitude always is.
            What follows is done to magnitudes alone (:mod:`flowgrad.flow.prepared`).
        seconds: the mean of all pairs in so much time about the frame; 0.125 is the frame's own pair.
        camera: the motion of the whole picture is kept or removed; the latter needs a signed form.
        unit: pixels of the source, or of the map.
        scale: as it is, its square root, or clipped at the frame's 95th percentile.
        smoothing: deviation of a Gaussian, pixels of the map.
        per_second: pixels per second, float32, so that none is lost; else those that pass in 1/8 s, as they are kept.
    """

    form: str = "magnitude"
    magnitude: bool = False
    seconds: float = 1 / FRAMES_PER_SECOND
    camera: Literal["kept", "removed"] = "kept"
    unit: Literal["source", "map"] = "source"
    scale: Scale = "linear"
    smoothing: float = 0.0
    per_second: bool = False

    def __post_init__(self) -> None:
        """Raise ``InputError`` where these do not go together."""
        # a form that there is not is named where a run is checked
        signed = self.form.startswith("signed")
        if self.camera == "removed" and not (signed and self.magnitude):
            raise InputError("flow: camera removed needs a signed form and magnitude=True")
        plain = (self.unit, self.scale, self.smoothing, round(self.seconds * FRAMES_PER_SECOND))
        if signed and not self.magnitude and plain != ("source", "linear", 0, 1):
            raise InputError("flow: seconds, unit, scale and smoothing of a signed form need magnitude=True")
        if not 0 < self.seconds <= LONGEST_S:
            raise InputError(f"flow: expected seconds in 0..{LONGEST_S}, got {self.seconds}")


@dataclass(frozen=True)
class Needs:
    """What a model looks at. What is None is not prepared for it.

    Attributes:
        frames: the frame.
        audio: the sound around it.
        flow: the motion that begins there; a still that has none is not applicable.
        background: how far the frame differs from what its place looks like most of the time; needs motion, too.
        maps_of: another model whose maps it starts from.
        boxes: detected boxes, ``all`` or the ``moving`` ones; the latter need motion, too.
    """

    frames: FrameSpec | None = None
    audio: AudioSpec | None = None
    flow: FlowSpec | None = None
    background: bool = False
    maps_of: str | None = None
    boxes: Literal["all", "moving"] | None = None

    @property
    def decoded(self) -> bool:
        """Return whether it reads decoded frames or audio, so that a job of it decodes or waits for decoding."""
        return self.frames is not None or self.audio is not None

    @property
    def reach(self) -> int:
        """Return how many frames before and after its own one it looks at; a successor alone is no reach."""
        pairs = pairs_around(0, self.flow.seconds) if self.flow is not None else range(1)
        return max(-pairs.start, pairs.stop if len(pairs) > 1 else 0, REACH if self.background else 0)

    @property
    def motion(self) -> bool:
        """Return whether it needs a successor."""
        return self.flow is not None or self.background or self.boxes == "moving"


class Settings(BaseModel):
    """A preset of a model: its own settings, from which its needs follow. Subclasses add fields; immutable.

    A field's name is what ``change`` of a protocol of one's own calls it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    def needs(self) -> Needs:
        """Return what the model looks at under these settings."""
        return Needs()


@dataclass(frozen=True)
class Batch:
    """What a model is given for N items: what its needs name, the rest is None.

    Attributes:
        frames: (N, size, size, 3) uint8 RGB.
        audio: (N, samples) float32 at the rate that it declares.
        flow: (N, 224, 224) or (N, 2, 224, 224), by its form; pixels per 1/8 s, of the source unless its needs say else.
        background: (N, 224, 224) uint8, the difference to the background in grey levels.
        maps: (N, 224, 224) float32, of the model that it starts from.
    """

    frames: npt.NDArray[np.uint8] | None = None
    audio: npt.NDArray[np.float32] | None = None
    flow: npt.NDArray[Any] | None = None
    background: npt.NDArray[np.uint8] | None = None
    maps: Maps | None = None


@dataclass(frozen=True)
class Apart:
    """What a model sees and what it hears of N items, before both meet.

    Attributes:
        seen: (N, E, C, h, w) float32, the places of the frame as each of E encoders sees them. Multiplying one of
            them by a positive number changes no map.
        heard: (N, C) float32.
    """

    seen: npt.NDArray[np.float32]
    heard: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Parts:
    """Maps of what a model tells apart in N items: classes of sound, or the nodes of a picture's graph.

    Attributes:
        maps: (N, K, h, w) float32, on the grid of the network.
        scores: (N, K) float32: how probably a class is heard, or the cosine of a node's features and the sound's.
        counted: (N, K) bool: which of them are taken to speak of what is heard.
        names: of the K parts.
    """

    maps: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    counted: npt.NDArray[np.bool_]
    names: tuple[str, ...]


PRESETS = ("paper", "released", "robust")
"""The presets that the built-in protocols ask for."""

Localize = Callable[[Batch], Maps]
"""A loaded model: a batch in, (N, 224, 224) float32 maps out."""
LARGEST = float(np.finfo(np.float16).max)
"""Maps are kept in float16."""


def localized(name: str, localize: Localize, batch: Batch, count: int) -> Maps:
    """Return the maps of a batch of ``count`` items, (count, 224, 224) float32.

    Raises ``InputError`` where a model gives another shape, or values that are no numbers or too large to be kept.
    """
    return whole(name, localize(batch), count)


def whole(name: str, made: Maps, count: int) -> Maps:
    """Return the maps that a model made of ``count`` items; raises as :func:`localized` does."""
    maps = np.asarray(made, np.float32)
    if maps.shape != (count, MAP_SIZE, MAP_SIZE):
        raise InputError(f"model {name}: expected maps {(count, MAP_SIZE, MAP_SIZE)}, it gives {maps.shape}")
    # what is not finite is not within the bound
    if not (np.abs(maps) <= LARGEST).all():
        raise InputError(f"model {name}: expected finite maps within {LARGEST:.0f}, it gives NaN, or larger ones")
    return maps


def told_apart(name: str, parts: Parts, count: int) -> Parts:
    """Return the parts of a batch of ``count`` items.

    Raises ``InputError`` where a model gives other shapes, or maps that are no numbers or too large to be kept.
    """
    expected = (count, len(parts.names))
    if parts.maps.ndim != 4 or not expected == parts.maps.shape[:2] == parts.scores.shape == parts.counted.shape:
        raise InputError(
            f"model {name}: parts: expected maps {(*expected, 'h', 'w')}, scores and counted {expected}, it gives"
            f" {parts.maps.shape}, {parts.scores.shape} and {parts.counted.shape}"
        )
    if not (np.abs(parts.maps) <= LARGEST).all():
        raise InputError(
            f"model {name}: parts: expected finite maps within {LARGEST:.0f}, it gives NaN, or larger ones"
        )
    return parts


@dataclass(frozen=True)
class Weights:
    """The checkpoint of a model.

    Attributes:
        key: its key under ``checkpoints`` of the configuration.
        file: its published name, looked for in the weights folder.
        source: where that file is published, for people.
        layout: what the file holds, checked before a run; None: that it holds tensors alone is all that is checked.
        published: whether the file can be had; else ``source`` says what makes such a file.
        licence: of the repository that publishes it; empty where that is not stated.
        trained_on: the data set that the published file learnt from; empty where that is not stated.
        others: files of the same key that are published beside it. One is taken where ``checkpoints`` names it.
    """

    key: str
    file: str
    source: str = ""
    layout: CheckpointLayout | None = None
    published: bool = True
    licence: str = ""
    trained_on: str = ""
    others: tuple[Weights, ...] = ()

    def source_of(self, file: str | Path) -> str:
        """Return where a file is published: one of the others by its name, else the first."""
        return next((other.source for other in self.others if other.file == Path(file).name), self.source)


TrainingPreset = Literal["paper", "released"]
"""A training as the paper has it, or with the faults of its released code that are arithmetic."""
SampleFlow = Literal["none", "magnitude", "signed", "signed_jpeg"]


@dataclass(frozen=True)
class SampleSpec:
    """What a sample to learn from holds: a frame, the audio around it and the flow that begins there.

    Attributes:
        size: the frame is stretched to ``size`` x ``size``.
        sample_rate: of the audio, Hz.
        seconds: of the audio; a sample needs so much of it about its frame.
        flow: its magnitude, its two signed components, or none, as in the form of that name
            (:mod:`flowgrad.flow.forms`); always 224x224, in native pixels per 1/8 s.
        lag: the frame lies so many seconds after the middle of the audio; less than half of ``seconds``.
    """

    size: int = MAP_SIZE
    sample_rate: int = 16000
    seconds: float = 5.0
    flow: SampleFlow = "magnitude"
    lag: float = 0.0

    @classmethod
    def of(cls, preset: Settings, flow: SampleFlow) -> SampleSpec:
        """Return what a model learns from that sees a frame and hears under a preset: the same as it is asked with."""
        needs = preset.needs()
        assert needs.frames is not None
        assert needs.audio is not None
        return cls(needs.frames.size, needs.audio.sample_rate, needs.audio.seconds, flow)

    @property
    def name(self) -> str:
        """Return the name of its folder: models that learn from the same share the files.

        >>> SampleSpec().name
        '224px-16000hz-5s-magnitude'
        """
        late = f"-{self.lag:g}s-late" if self.lag else ""
        return f"{self.size}px-{self.sample_rate}hz-{self.seconds:g}s-{self.flow}{late}"


@dataclass(frozen=True)
class Recipe:
    """How a model's weights are moved, as its paper or its released code has it. The defaults are RCGrad's.

    A key of the same name under ``training`` of the configuration goes before.

    Attributes:
        optimizer: ``adam``, or ``sgd``.
        learning_rate: at the start.
        weight_decay: of all weights, added to their gradient.
        momentum: of ``sgd``.
        batch_size: samples that are contrasted with each other.
        epochs: at most so many.
        lr_patience: epochs without a better held-out loss, then a tenth of the rate; None: the rate stays.
        early_stopping_patience: epochs without a better held-out loss, then the end; None: all epochs are gone through.
    """

    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.0
    batch_size: int = 256
    epochs: int = 100
    lr_patience: int | None = 5
    early_stopping_patience: int | None = 10


@dataclass(frozen=True)
class Training:
    """How a model is trained.

    Attributes:
        objective: from a :class:`flowgrad.training.objective.Start` to an ``Objective`` of that module.
        init: where it starts unless the configuration says otherwise: ``imagenet``, ``random``, or another model.
        sample: what it learns from.
        released_sample: what it learns from under preset ``released``, where that is something else.
        second: whether it goes on from a training of its first stage, so that it cannot start from ``imagenet`` or
            ``random``.
        classes: of pseudo labels that it learns from besides (:mod:`flowgrad.training.labels`); 0 where it needs none.
        recipe: how its weights are moved.
    """

    objective: Code
    init: str = "random"
    sample: SampleSpec = SampleSpec()
    second: bool = False
    classes: int = 0
    recipe: Recipe = Recipe()
    released_sample: SampleSpec | None = None

    def sample_of(self, preset: TrainingPreset) -> SampleSpec:
        """Return what it learns from under a preset."""
        return self.released_sample or self.sample if preset == "released" else self.sample


@dataclass(frozen=True)
class Model:
    """A model: a row of the table. docs/models.md shows how to add one.

    Attributes:
        name: as in the configuration and the tables.
        load: ``module:attribute``, or the callable, ``(checkpoint, settings, runtime) -> Localize``. For a model that
            gives boxes of its own: ``(width, height) -> [(left, top, width, height)]`` in pixels.
        presets: settings by the name of the built-in protocol that they belong to.
        gives: ``maps``, or ``boxes``: detected ones where its needs say so, else those of ``load``.
        weights: its checkpoint, None where it needs none.
        threshold: the threshold rule of its own evaluation.
        default: whether it stands in the table where nothing else is said.
        training: how the target ``train`` makes its checkpoint; None where it cannot.
        joined: ``(seen, heard, settings) -> maps``, where what it sees and what it hears meet at the end; what it loads
            has a method ``apart(batch) -> Apart`` then. So it can be asked what it would show under another sound.
        parts: whether it tells parts of an item apart: what it loads has a method ``parted(batch) -> (Maps, Parts)``
            then. They are kept beside its maps, and scored as several sources (``metrics/sources.csv``).
    """

    name: str
    load: Code | None = None
    presets: Mapping[str, Settings] = field(default_factory=lambda: dict.fromkeys(PRESETS, Settings()))
    gives: Literal["maps", "boxes"] = "maps"
    weights: Weights | None = None
    threshold: str = "fixed"
    default: bool = True
    training: Training | None = None
    joined: Code | None = None
    parts: bool = False

    def has(self, protocol: Protocol) -> bool:
        """Return whether there is a row of this model under a protocol."""
        return protocol.preset in self.presets

    def settings(self, protocol: Protocol) -> Settings:
        """Return its settings under a protocol.

        Raises ``InputError`` where it has no preset of the protocol's.
        """
        if not self.has(protocol):
            raise InputError(f"{self.name} has no preset {protocol.preset!r}, only {', '.join(self.presets)}")
        preset = self.presets[protocol.preset]
        changed = {key: value for key, value in protocol.inputs.items() if key in type(preset).model_fields}
        return type(preset).model_validate(preset.model_dump() | changed) if changed else preset

    def __post_init__(self) -> None:
        """Raise ``InputError`` where what it declares is nothing of the kind."""
        if not isinstance(self.presets, Mapping):
            raise InputError(f"model {self.name}: presets: expected {{name: Settings}}, got {self.presets!r}")
        for name, preset in self.presets.items():
            where = f"model {self.name}: preset {name}"
            if not isinstance(preset, Settings):
                raise InputError(f"{where}: expected an object of a class of Settings, got {preset!r}")
            try:
                needs = preset.needs()
            except Exception as error:
                raise InputError(f"{where}: its needs() fails: {type(error).__name__}: {error}") from error
            if not isinstance(needs, Needs):
                raise InputError(f"{where}: its needs() gives {needs!r}, expected Needs(...)")
            for part, kind in (("frames", FrameSpec), ("audio", AudioSpec), ("flow", FlowSpec)):
                value = getattr(needs, part)
                if value is not None and not isinstance(value, kind):
                    raise InputError(f"{where}: {part}: expected {kind.__name__}(...), got {value!r}")

    def needs(self, protocol: Protocol) -> Needs:
        """Return what it looks at under a protocol."""
        return self.settings(protocol).needs()

    @property
    def parents(self) -> list[str]:
        """Return the models whose maps it starts from, under any preset."""
        found = (preset.needs().maps_of for preset in self.presets.values())
        return list(dict.fromkeys(name for name in found if name is not None))

    @property
    def boxes(self) -> Literal["all", "moving"] | None:
        """Return which detections it is scored from."""
        return next((found for preset in self.presets.values() if (found := preset.needs().boxes)), None)

    @property
    def module(self) -> str | None:
        """Return the module that computes it."""
        return module_of(self.load) if self.load is not None else None

    def loaded(self, checkpoint: Path | None, settings: Settings, runtime: Runtime) -> Localize:
        """Import its code and load it.

        Raises ``InputError`` where the code cannot be imported or the checkpoint does not fit.
        """
        assert self.load is not None, self.name
        return implementation(self.name, self.load)(checkpoint, settings, runtime)  # type: ignore[no-any-return]

    def met(self, apart: Apart, settings: Settings) -> Maps:
        """Return the maps of what it sees under what it hears."""
        assert self.joined is not None, self.name
        return implementation(self.name, self.joined)(apart.seen, apart.heard, settings)  # type: ignore[no-any-return]

    def own_boxes(self, width: int, height: int) -> list[Rectangle]:
        """Return the boxes of a model that looks at nothing, in pixels of a frame of this size."""
        assert self.load is not None, self.name
        return implementation(self.name, self.load)(width, height)  # type: ignore[no-any-return]
