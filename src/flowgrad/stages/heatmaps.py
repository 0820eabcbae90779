"""Stage ``heatmaps``: the localization maps of one model under one protocol, for the clips of a shard."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from flowgrad import artifacts, frames
from flowgrad.flow.magnitude import DATASETS
from flowgrad.flow.magnitude import KIND as FLOW_KIND
from flowgrad.models.inputs import resized, stored_sound, window_length, window_start
from flowgrad.models.registry import ModelSpec
from flowgrad.protocols import FRAMES_PER_SECOND, Protocol

log = logging.getLogger(__name__)

KIND = "heatmaps"
ARITHMETIC_FRAMES = 64
"""Maps without a network are made so many at once, to bound memory."""
Maps = npt.NDArray[np.float32]


def run(
    *,
    spec: ModelSpec,
    protocol_name: str,
    protocol: Protocol,
    out: Path,
    frames_in: Path | None = None,
    flow_in: Path | None = None,
    maps_in: Path | None = None,
    wanted: Mapping[str, Collection[int]] | None = None,
    checkpoint: Path | None = None,
    checkpoint_sha256: str = "",
    device: str = "auto",
    precision: Literal["float32", "bfloat16"] = "float32",
    batch_size: int | Literal["auto"] = "auto",
    threads: int = 1,
) -> None:
    """Make the maps of one model for every clip that has what the model needs.

    Args:
        spec: the model.
        protocol_name: as in the configuration.
        protocol: how inputs are prepared.
        out: HDF5; per clip ``frame`` (T,) int32, ``time_s`` (T,) float64 and ``maps`` (T, 224, 224) float16. A frame
            that cannot be had (no successor, no sound) has no row, a clip without any no group.
        frames_in: frames artifact, for networks.
        flow_in: flow artifact, for models that use flow.
        maps_in: the maps that a derived model starts from.
        wanted: the frames to compute by clip; None computes all.
        checkpoint: weights, for networks.
        checkpoint_sha256: kept as provenance.
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: arithmetic of the encoders.
        batch_size: frames that pass through the encoders at once; ``auto`` by device.
        threads: CPU threads of the network.
    """
    attributes: dict[str, Any] = {
        "method": spec.name,
        "protocol": protocol_name,
        "settings": protocol.model_dump(),
    }
    with ExitStack() as stack:

        def opened(path: Path | None, kind: str) -> artifacts.ArtifactReader | None:
            return stack.enter_context(artifacts.open_artifact(path, kind)) if path else None

        sources = _Sources(
            spec, protocol, opened(frames_in, frames.KIND), opened(flow_in, FLOW_KIND), opened(maps_in, KIND)
        )
        localize: Callable[..., Maps]
        if spec.kind == "network":
            import torch

            from flowgrad.models import resolve_batch_size, resolve_device

            torch.set_num_threads(threads)
            device = resolve_device(device)
            at_once = resolve_batch_size(batch_size, device)
            assert checkpoint is not None, spec.name
            localize = spec.load()(checkpoint, protocol, device, precision, at_once)
            attributes |= {"weights_sha256": checkpoint_sha256, "device": device, "precision": precision}
            attributes |= artifacts.library_versions("torch")
        else:
            at_once = ARITHMETIC_FRAMES
            localize = spec.load()
            if sources.maps is not None:
                attributes["weights_sha256"] = sources.maps.attributes()["weights_sha256"]
            attributes |= artifacts.library_versions("numpy")
        output = stack.enter_context(artifacts.create(out, KIND, fps=FRAMES_PER_SECOND, **attributes))
        for clip in sources.clips():
            numbers = sources.frames(clip, None if wanted is None else wanted.get(clip, ()))
            if not numbers:
                continue
            group = output.clip(clip, **sources.fingerprints(clip))
            for batch, arguments in sources.batches(clip, numbers, at_once):
                group.append(
                    frame=np.array(batch, np.int32),
                    time_s=np.array(batch) / FRAMES_PER_SECOND,
                    maps=localize(*arguments).astype(np.float16),
                )
            log.info("%s: %d maps", clip, len(numbers))


class _Sources:
    """What a model reads: pictures and sound, flow, another model's maps."""

    def __init__(
        self,
        spec: ModelSpec,
        protocol: Protocol,
        pictures: artifacts.ArtifactReader | None,
        flow: artifacts.ArtifactReader | None,
        maps: artifacts.ArtifactReader | None,
    ):
        self.spec, self.protocol = spec, protocol
        self.pictures, self.flow, self.maps = pictures, flow, maps
        self._readers = [reader for reader in (pictures, flow, maps) if reader is not None]
        self._magnitude = DATASETS[protocol.flow_storage]
        self._sound = f"sound_{protocol.sample_rate}"

    def clips(self) -> list[str]:
        """Return the clips that every source holds and that have sound where the model listens."""
        common = set.intersection(*(set(reader.clips()) for reader in self._readers))
        if self.spec.sound and self.pictures is not None:
            common = {clip for clip in common if self.pictures.has(clip, self._sound)}
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

    def batches(self, clip: str, numbers: list[int], size: int) -> Iterator[tuple[list[int], tuple[Any, ...]]]:
        """Yield (frame numbers, arguments of the model) in batches."""
        pictures = frames.PictureReader(self.pictures, clip) if self.pictures else None
        for start in range(0, len(numbers), size):
            batch = numbers[start : start + size]
            flow = rows_of(self.flow, clip, self._magnitude, batch) if self.flow else None
            if pictures is not None:
                seen = [resized(frames.stored(pictures.rgb(number), self.protocol.frame_storage)) for number in batch]
                yield batch, (np.stack(seen), self._windows(clip, batch), self.protocol.sample_rate, flow)
            elif self.maps is not None:
                yield batch, (rows_of(self.maps, clip, "maps", batch), flow, self.protocol)
            else:
                yield batch, (flow, self.protocol)

    def _windows(self, clip: str, batch: list[int]) -> npt.NDArray[np.float32]:
        """Return the sound around each frame, (N, S) float32; silence stands in outside the recording."""
        assert self.pictures is not None
        length = window_length(self.protocol)
        available = self.pictures.length(clip, self._sound)
        windows = np.zeros((len(batch), length), np.float32)
        for row, number in enumerate(batch):
            start = window_start(number / FRAMES_PER_SECOND, self.protocol)
            low, high = max(start, 0), min(start + length, available)
            if low < high:
                windows[row, low - start : high - start] = self.pictures.read(clip, self._sound, slice(low, high))
        return stored_sound(windows, self.protocol)


def rows_of(reader: artifacts.ArtifactReader, clip: str, name: str, numbers: list[int]) -> npt.NDArray[Any]:
    """Return the rows of a frame-aligned dataset that belong to ascending frame numbers."""
    known = reader.read(clip, "frame")
    rows = np.searchsorted(known, numbers)
    if len(known) == 0 or not np.array_equal(known[np.minimum(rows, len(known) - 1)], numbers):
        raise artifacts.ArtifactError(
            f"{reader.path}: {clip!r} lacks some of the frames {numbers}; run its stage again"
        )
    span = reader.read(clip, name, slice(int(rows[0]), int(rows[-1]) + 1))
    return np.asarray(span[rows - rows[0]])
