"""Stage ``heatmaps``: the localization maps of one model under one protocol, for the clips of a shard."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from flowgrad import artifacts, frames
from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.errors import InputError
from flowgrad.flow.forms import ARTIFACT as FLOW
from flowgrad.flow.prepared import given
from flowgrad.flow.windows import pairs_around
from flowgrad.models.base import (
    Apart,
    AudioSpec,
    Batch,
    FlowSpec,
    FrameSpec,
    Model,
    Needs,
    Parts,
    Runtime,
    Settings,
    localized,
    told_apart,
    whole,
)
from flowgrad.models.inputs import stored_audio, window_length, window_start
from flowgrad.models.runtime import AnyEngine, AnyPrecision, resolve
from flowgrad.schemas.apart import APART, NEGATIVE_SOUNDS
from flowgrad.schemas.background import BACKGROUND
from flowgrad.schemas.heatmaps import HEATMAPS

log = logging.getLogger(__name__)

EVERY = 4
"""Half a second: how often Urbansas is annotated."""
OF_NETWORK = ("weights_sha256", "engine", "precision")
"""Attributes that maps have from those that they start from."""
WITHOUT_NETWORK = 64
"""Maps of a model that looks at no frames are made so many at once, to bound memory."""


def run(
    *,
    model: Model,
    settings: Settings,
    protocol_name: str,
    out: Path,
    apart_out: Path | None = None,
    frames_in: Path | None = None,
    flow_in: Path | None = None,
    background_in: Path | None = None,
    maps_in: Path | None = None,
    wanted: Mapping[str, Collection[int]] | None = None,
    checkpoint: Path | None = None,
    checkpoint_sha256: str = "",
    device: str = "auto",
    precision: AnyPrecision = "float32",
    engine: AnyEngine = "auto",
    batch_size: int | Literal["auto"] = "auto",
    threads: int = 1,
) -> None:
    """Make the maps of one model for every clip that has what the model needs.

    Args:
        model: the model.
        settings: its preset under the protocol.
        protocol_name: as in the configuration.
        out: HDF5; per clip ``frame`` (T,) int32, ``time_s`` (T,) float64 and ``maps`` (T, 224, 224) float16. A frame
            that cannot be had (no successor, no sound) has no row, a clip without any no group. Of a model that tells
            parts apart also ``part_maps`` (T, K, h, w) float16, ``part_scores`` (T, K) float32 and ``part_counted``
            (T, K) bool (:class:`flowgrad.models.base.Parts`), and the clip's attribute ``parts``: their names, JSON.
        apart_out: HDF5, of models that can be asked under another sound; per clip and every fourth frame ``frame``,
            ``time_s``, ``seen`` and ``heard`` (:class:`flowgrad.models.base.Apart`) in float16, the former divided by
            the largest value of each encoder; and per clip ``silence`` and ``noise`` (C,), what is heard of these.
        frames_in: frames artifact, for models that look at frames or listen.
        flow_in: flow artifact, for models that use flow.
        background_in: background artifact, for models that use it.
        maps_in: the maps that a model starts from.
        wanted: the frames to compute by clip; None computes all.
        checkpoint: weights, where the model has any.
        checkpoint_sha256: kept as provenance.
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: arithmetic of the encoders, ``auto`` by device.
        engine: ``auto``, ``torch`` or ``openvino`` (:func:`flowgrad.models.runtime.resolve`).
        batch_size: frames that pass through a network at once; ``auto`` by device.
        threads: CPU threads of the network.

    Raises:
        InputError: the model gives something else than (N, 224, 224) maps, or its checkpoint does not fit.
    """
    needs = settings.needs()
    attributes: dict[str, Any] = {
        "method": model.name,
        "protocol": protocol_name,
        "settings": settings.model_dump(),
    }
    with ExitStack() as stack:

        def opened(path: Path | None, kind: str) -> artifacts.ArtifactReader | None:
            return stack.enter_context(artifacts.open_artifact(path, kind)) if path else None

        sources = _Sources(
            needs,
            decoded=opened(frames_in, frames.KIND),
            flow=opened(flow_in, FLOW),
            background=opened(background_in, BACKGROUND),
            maps=opened(maps_in, HEATMAPS),
        )
        runtime: Runtime | None = None
        at_once = WITHOUT_NETWORK
        if needs.decoded or checkpoint is not None:
            import torch

            from flowgrad.models.device import resolve_batch_size

            torch.set_num_threads(threads)
            runtime = resolve(device, precision, engine)
            at_once = resolve_batch_size(batch_size, runtime.device)
            attributes |= {"device": runtime.device, "precision": runtime.precision} | _computed(runtime)
        else:
            attributes |= artifacts.library_versions("numpy")
        if sources.maps is not None:
            known = sources.maps.attributes()
            attributes |= {name: known[name] for name in OF_NETWORK if name in known and name not in attributes}
        if checkpoint is not None:
            attributes["weights_sha256"] = checkpoint_sha256
        localize = model.loaded(checkpoint, settings, runtime or Runtime())
        if model.parts and not hasattr(localize, "parted"):
            raise InputError(f"model {model.name}: parts: what it loads has no method parted(batch)")
        output = stack.enter_context(artifacts.create(out, HEATMAPS, fps=FRAMES_PER_SECOND, **attributes))
        aside = stack.enter_context(_aside(apart_out, attributes, runtime)) if apart_out else None
        negatives: dict[str, npt.NDArray[np.float32]] = {}
        for clip in sources.clips():
            numbers = sources.frames(clip, None if wanted is None else wanted.get(clip, ()))
            if not numbers:
                continue
            group = output.clip(clip, **sources.fingerprints(clip))
            for batch, times, inputs in sources.batches(clip, numbers, at_once):
                parts = None
                if model.parts:
                    maps, parts = localize.parted(inputs)  # type: ignore[attr-defined]
                    maps = whole(model.name, maps, len(batch))
                    group.attributes(parts=json.dumps(parts.names))
                elif aside is None:
                    maps = localized(model.name, localize, inputs, len(batch))
                if aside is not None:
                    apart = localize.apart(inputs)  # type: ignore[attr-defined]
                    negatives = negatives or _negatives(localize.apart, inputs, needs.audio)  # type: ignore[attr-defined]
                    maps = whole(model.name, model.met(apart, settings), len(batch))
                    aside(clip, batch, times, apart, negatives, sources.fingerprints(clip))
                made = {"frame": np.array(batch, np.int32), "time_s": times, "maps": maps.astype(np.float16)}
                group.append(**made, **_kept(model.name, parts, len(batch)))  # type: ignore[arg-type]
            log.info("%s: %d maps", clip, len(numbers))
        if runtime is not None:
            output.attributes(**_computed(runtime))


def _computed(runtime: Runtime) -> dict[str, str]:
    """Return the engines that a network computed through, and their versions; at first the engine it is to take."""
    return {"engine": runtime.through()} | artifacts.library_versions(*sorted({"torch", *runtime.used}))


def _kept(name: str, parts: Parts | None, count: int) -> dict[str, npt.NDArray[Any]]:
    """Return the datasets of the parts of a batch; none of a model that tells none apart."""
    if parts is None:
        return {}
    parts = told_apart(name, parts, count)
    return {
        "part_maps": parts.maps.astype(np.float16),
        "part_scores": parts.scores.astype(np.float32),
        "part_counted": parts.counted,
    }


def _negatives(
    listen: Callable[[Batch], Apart], batch: Batch, spec: AudioSpec | None
) -> dict[str, npt.NDArray[np.float32]]:
    """Return what is heard of silence and of noise, (C,) each; what is seen meanwhile is of no account.

    Noise is N(0, 1), as in the evaluation with negative audio (:mod:`flowgrad.evaluation.highlight`).
    """
    assert batch.audio is not None
    assert spec is not None
    one = Batch(**{name: value if value is None else value[:1] for name, value in vars(batch).items()})
    shape = (1, batch.audio.shape[1])
    noise = np.random.default_rng(0).normal(size=shape)
    # one after the other: a model may take the statistics of a batch
    waves = dict(zip(NEGATIVE_SOUNDS, (np.zeros(shape), noise), strict=True))
    kept = {name: stored_audio(wave.astype(np.float32), spec.bits) for name, wave in waves.items()}
    return {name: listen(replace(one, audio=wave)).heard[0] for name, wave in kept.items()}


@contextlib.contextmanager
def _aside(path: Path, attributes: Mapping[str, Any], runtime: Runtime | None) -> Iterator[Callable[..., None]]:
    """Give a function that keeps what was seen and heard of every fourth frame."""
    groups: dict[str, artifacts.ClipWriter] = {}
    with artifacts.create(path, APART, fps=FRAMES_PER_SECOND, **attributes) as output:

        def keep(
            clip: str,
            numbers: list[int],
            times: npt.NDArray[np.float64],
            apart: Apart,
            negatives: Mapping[str, npt.NDArray[np.float32]],
            known: dict[str, str],
        ) -> None:
            rows = [row for row, number in enumerate(numbers) if number % EVERY == 0]
            if not rows:
                return
            if clip not in groups:
                groups[clip] = output.clip(clip, **known)
                for name, heard in negatives.items():
                    groups[clip].extend(name, heard)
            seen = apart.seen[rows]
            largest = np.abs(seen).max(axis=(2, 3, 4), keepdims=True)
            groups[clip].append(
                frame=np.array(numbers, np.int32)[rows],
                time_s=times[rows],
                seen=(seen / np.where(largest > 0, largest, 1)).astype(np.float16),
                heard=apart.heard[rows],
            )

        yield keep
        if runtime is not None:
            output.attributes(**_computed(runtime))


class _Sources:
    """What a model reads: frames and audio, flow, background, another model's maps."""

    def __init__(
        self,
        needs: Needs,
        decoded: artifacts.ArtifactReader | None,
        flow: artifacts.ArtifactReader | None,
        background: artifacts.ArtifactReader | None,
        maps: artifacts.ArtifactReader | None,
    ):
        self.needs = needs
        self.decoded, self.flow, self.background, self.maps = decoded, flow, background, maps
        self._readers = [reader for reader in (decoded, flow, background, maps) if reader is not None]

    def clips(self) -> list[str]:
        """Return the clips that every source holds and that have sound where the model listens."""
        common = set.intersection(*(set(reader.clips()) for reader in self._readers))
        if self.needs.audio is not None and self.decoded is not None:
            audio = frames.audio_name(self.needs.audio.sample_rate)
            common = {clip for clip in common if self.decoded.has(clip, audio)}
        return sorted(common)

    def fingerprints(self, clip: str) -> dict[str, str]:
        """Return the SHA-256 of the files behind a clip, as the first source has them."""
        known = self._readers[0].attributes(clip)
        return {name: str(value) for name, value in known.items() if name in ("source_sha256", "sound_sha256")}

    def frames(self, clip: str, wanted: Collection[int] | None) -> list[int]:
        """Return the frames that every source holds, and that are wanted."""
        rows = [reader.read(clip, "frame").tolist() for reader in self._readers if reader.length(clip)]
        if len(rows) < len(self._readers):
            return []
        common = set.intersection(*map(set, rows))
        return sorted(common if wanted is None else common & set(wanted))

    def batches(
        self, clip: str, numbers: list[int], size: int
    ) -> Iterator[tuple[list[int], npt.NDArray[np.float64], Batch]]:
        """Yield frame numbers, their times in s, and what the model is given, in batches."""
        first = self._readers[0]
        reader = frames.FrameReader(self.decoded, clip) if self.decoded and self.needs.frames else None
        for start in range(0, len(numbers), size):
            batch = numbers[start : start + size]
            times = first.rows(clip, "time_s", batch) if self.decoded is None else frames.times(first, clip, batch)
            yield (
                batch,
                times,
                Batch(
                    frames=_seen(reader, batch, self.needs.frames) if reader and self.needs.frames else None,
                    audio=self._windows(clip, times, self.needs.audio) if self.needs.audio else None,
                    flow=_flow(self.flow, clip, batch, self.needs.flow) if self.flow and self.needs.flow else None,
                    background=self.background.rows(clip, "difference", batch) if self.background else None,
                    maps=self.maps.rows(clip, "maps", batch) if self.maps else None,
                ),
            )

    def _windows(self, clip: str, times: npt.NDArray[np.float64], spec: AudioSpec) -> npt.NDArray[np.float32]:
        """Return the sound around each time, (N, S) float32; silence stands in outside the recording."""
        assert self.decoded is not None
        name = frames.audio_name(spec.sample_rate)
        length = window_length(spec.seconds, spec.sample_rate)
        available = self.decoded.length(clip, name)
        windows = np.zeros((len(times), length), np.float32)
        for row, time in enumerate(times.tolist()):
            start = window_start(time, spec.seconds, spec.sample_rate)
            low, high = max(start, 0), min(start + length, available)
            if low < high:
                windows[row, low - start : high - start] = self.decoded.read(clip, name, slice(low, high))
        return stored_audio(windows, spec.bits)


def _flow(reader: artifacts.ArtifactReader, clip: str, numbers: list[int], spec: FlowSpec) -> npt.NDArray[Any]:
    """Return the flow of each frame as a model asks for it; pairs that there are not are left out of a mean."""
    there = set(reader.read(clip, "frame").tolist())
    pairs = sorted({pair for number in numbers for pair in pairs_around(number, spec.seconds)} & there)
    width = int(reader.attributes(clip)["source_width"])
    return given(reader.rows(clip, spec.form, pairs), pairs, numbers, spec, width)


def _seen(reader: frames.FrameReader, numbers: list[int], spec: FrameSpec) -> npt.NDArray[np.uint8]:
    """Return frames as a model sees them, (N, size, size, 3) uint8."""
    return np.stack([reader.seen(number, spec.size, spec.storage) for number in numbers])
