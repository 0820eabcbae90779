"""``flowgrad.load_model``: any model as a function on arrays, prepared as its protocol says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from flowgrad.constants import FRAMES_PER_SECOND, MAP_SIZE
from flowgrad.errors import InputError
from flowgrad.flow.forms import shape_of
from flowgrad.flow.prepared import given as prepared_flow
from flowgrad.models.base import Batch, Localize, Maps, Model, Needs, Runtime, localized
from flowgrad.models.checkpoint_file import LayoutError
from flowgrad.models.device import resolve_batch_size
from flowgrad.models.fitting import in_python
from flowgrad.models.inputs import fitted_audio
from flowgrad.models.registry import get_model, weights_of
from flowgrad.models.runtime import AnyEngine, AnyPrecision, resolve
from flowgrad.protocols import Protocol, get_protocol
from flowgrad.resizing import resized

WITHOUT_NETWORK = 64
"""Maps of a model without frames are made so many at once, to bound memory."""


class LocalizationModel:
    """A model ready to localize; made by :func:`load_model`."""

    def __init__(
        self, model: Model, protocol: Protocol, localize: Localize, batch_size: int, start: LocalizationModel | None
    ):
        self.name, self.protocol, self.batch_size = model.name, protocol, batch_size
        self._needs, self._localize, self._start = model.needs(protocol), localize, start

    def __call__(
        self,
        frames: npt.NDArray[np.uint8] | None = None,
        audio: npt.NDArray[np.float32] | None = None,
        sample_rate: int | None = None,
        flow: npt.NDArray[Any] | None = None,
        background: npt.NDArray[np.uint8] | None = None,
    ) -> Maps:
        """Localize the sound in each frame; see :func:`load_model` for shapes.

        Raises ``ValueError`` where an input is missing or has the wrong shape; the message says what was expected.
        """
        given = _prepared(self.name, self._needs, frames, audio, sample_rate, flow, background)
        if self._start is not None:
            given = replace(given, maps=self._start(frames, audio, sample_rate, flow, background))
        arrays = {name: value for name, value in vars(given).items() if value is not None}
        count = _common_length(arrays)
        maps = np.empty((count, MAP_SIZE, MAP_SIZE), np.float32)
        for start in range(0, count, self.batch_size):
            rows = slice(start, start + self.batch_size)
            some = {name: value[rows] for name, value in arrays.items()}
            if self._needs.frames is not None:
                size = self._needs.frames.size
                some["frames"] = np.stack([resized(frame, size) for frame in some["frames"]])
            maps[rows] = localized(self.name, self._localize, Batch(**some), len(maps[rows]))
        return maps


def _common_length(arrays: dict[str, npt.NDArray[Any]]) -> int:
    lengths = {name: len(value) for name, value in arrays.items()}
    first, count = next(iter(lengths.items()))
    for name, length in lengths.items():
        if length != count:
            raise ValueError(f"{name}: expected {count} rows as {first} has, one a frame, got {length}")
    return count


def _prepared(
    name: str,
    needs: Needs,
    frames: npt.NDArray[np.uint8] | None,
    audio: npt.NDArray[np.float32] | None,
    sample_rate: int | None,
    flow: npt.NDArray[Any] | None,
    background: npt.NDArray[np.uint8] | None,
) -> Batch:
    """Return what a model needs of what was given, checked; frames keep their size."""
    seen: npt.NDArray[np.uint8] | None = None
    if needs.frames is not None:
        if frames is None:
            raise ValueError(f"{name} needs frames (N, H, W, 3) uint8 RGB")
        seen = np.asarray(frames)
        if seen.ndim != 4 or seen.shape[3] != 3 or seen.dtype != np.uint8:
            raise ValueError(f"frames: expected (N, H, W, 3) uint8 RGB, got {seen.shape} {seen.dtype}")
    heard: npt.NDArray[np.float32] | None = None
    if needs.audio is not None:
        if audio is None or sample_rate is None:
            raise ValueError(f"{name} needs audio (N, S) and its sample_rate")
        heard = fitted_audio(np.asarray(audio), sample_rate, needs.audio.sample_rate, needs.audio.seconds)
    if needs.flow is not None:
        flow = _expected("flow", name, flow, shape_of(needs.flow.form))
        width = MAP_SIZE
        if needs.flow.unit == "map":
            if frames is None:
                raise ValueError(f"frames: {name} needs them, too: their width says what a pixel of flow is")
            width = np.shape(frames)[2]
        # who calls has averaged over time already, if they want it, and gives it per second where that is asked
        as_given, every = replace(needs.flow, seconds=1 / FRAMES_PER_SECOND, per_second=False), range(len(flow))
        flow = prepared_flow(flow, every, every, as_given, width)
    if needs.background:
        background = _expected("background", name, background, (MAP_SIZE, MAP_SIZE))
    return Batch(
        frames=seen,
        audio=heard,
        flow=flow if needs.flow is not None else None,
        background=background if needs.background else None,
    )


def _expected(what: str, name: str, array: npt.NDArray[Any] | None, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    if array is None or np.shape(array)[1:] != shape:
        got = "none" if array is None else np.shape(array)
        raise ValueError(f"{what}: {name} needs (N, {', '.join(map(str, shape))}), got {got}")
    return np.asarray(array)


def load_model(
    name: str,
    checkpoint: str | Path | None = None,
    protocol: str | Protocol = "paper",
    device: str = "auto",
    precision: AnyPrecision = "float32",
    batch_size: int | Literal["auto"] = "auto",
    engine: AnyEngine = "auto",
) -> LocalizationModel:
    """Load a model that turns frames, audio and flow into localization maps.

    Args:
        name: any model that makes maps: ``flow``, ``rcgrad``, ``flowgrad-h``, ``flowgrad-ic``, ``flowgrad-en``,
            ``hear-the-flow``, ``coarse-to-fine``, or one of your own.
        checkpoint: file in the published layout; RCGrad's for ``flowgrad-h``; none for ``flow``.
        protocol: ``paper``, ``released`` or a :class:`flowgrad.protocols.Protocol`.
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: arithmetic of the encoders: ``float32``, ``bfloat16``, ``int8``, or ``auto``.
        batch_size: frames that pass through the encoders at once; ``auto``: 16 on a CPU, by free memory on a GPU.
        engine: ``auto`` (OpenVINO on a CPU where it is installed, else torch), ``openvino`` or ``torch``.

    Returns:
        A callable ``model(frames, audio, sample_rate, flow, background) -> maps``. Frames are (N, H, W, 3) uint8 RGB
        at any size, audio is (N, S) float32 around each frame at ``sample_rate`` Hz. Flow is in native pixels per
        1/8 s: magnitudes (N, 224, 224), or for a model that needs the direction (N, 2, 224, 224), x then y. Signed flow
        for ``hear-the-flow`` under ``paper`` is per second (:func:`flowgrad.flow.prepared.per_second`). Background is
        (N, 224, 224) uint8, grey levels (:func:`flowgrad.flow.background.difference`). Maps are (N, 224, 224) float32.
        What a model does not need may be None.

    Raises:
        InputError: model or protocol is unknown, makes no maps, its checkpoint is absent or does not fit, or there is
            no such device, engine or precision here.
    """
    model, rules = get_model(name), get_protocol(protocol)
    if model.gives == "boxes":
        if model.boxes:
            raise InputError(f"{name} scores detected boxes and makes no maps; see flowgrad.detection")
        raise InputError(f"{name} is a control: it scores a fixed box and makes no maps; see flowgrad.models.controls")
    weights, settings = weights_of(name), model.settings(rules)
    if len(weights) > 1:
        files = " and ".join(known.file for known in weights)
        raise InputError(f"{name} needs {len(weights)} checkpoints ({files}); make its maps by a run")
    if weights and checkpoint is None:
        raise InputError(f"{name} needs a checkpoint ({weights[0].file})")
    runtime, at_once = Runtime(), WITHOUT_NETWORK
    if weights:
        runtime = resolve(device, precision, engine)
        at_once = resolve_batch_size(batch_size, runtime.device)
    own = Path(checkpoint) if checkpoint is not None and model.weights else None
    parent = settings.needs().maps_of
    start = load_model(parent, checkpoint, rules, device, precision, at_once, engine) if parent else None
    try:
        localize = model.loaded(own, settings, runtime)
    except LayoutError as error:
        assert own is not None, name
        raise InputError(f"{error}{in_python(own)}") from error
    return LocalizationModel(model, rules, localize, at_once, start)
