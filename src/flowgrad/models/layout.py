"""The layout of the published checkpoints: which keys they hold, of which shape. No torch.

A :class:`CheckpointLayout` says it for one kind of file. Those of the RCGrad family are here (:func:`layout_of`):
all encoders are ResNet-18 with four BasicBlock stages of ``width`` (published: 64) to 8 ``width`` channels; the first
convolution differs. The image encoder of the reference code declares layers that it does not use (``conv1_a``, ``fc``
and, beside ``conv1``, a ``conv1_flow``): published files carry them, ours do not need them, and nothing else may be
left over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Shape = tuple[int, ...]
Layout = dict[str, Shape]

PUBLISHED_WIDTH = 64
GROWTH = (1, 2, 4, 8)
"""Channels of the four stages, in units of the width."""
WINDOW = 512

Containers = tuple[tuple[str, str], ...]
"""The entries of a file that may hold its tensors, each with the prefix of the keys there."""
FLAT_OR_LIGHTNING: Containers = (("state_dict", ""),)


def unwrap(content: Mapping[Any, Any], containers: Containers) -> dict[str, Any]:
    """Return the entries of a checkpoint by the names that its module gives them.

    Args:
        content: what the file holds.
        containers: the first one that the file has counts; without any, the tensors are at its top.

    >>> unwrap({"state_dict": {"model.conv1.weight": 1}, "epoch": 3}, (("model", ""), ("state_dict", "model.")))
    {'conv1.weight': 1}
    >>> unwrap({"conv1.weight": 1}, FLAT_OR_LIGHTNING)
    {'conv1.weight': 1}
    """
    entries, prefix = next(((content[name], prefix) for name, prefix in containers if name in content), (content, ""))
    found: dict[str, Any] = {}
    for key, value in entries.items() if isinstance(entries, Mapping) else ():
        bare = str(key).removeprefix(prefix)
        # two keys of one name: the second stays as it is, and is reported as unexpected
        found[str(key) if bare in found else bare] = value
    return found


@dataclass(frozen=True)
class CheckpointLayout:
    """What one kind of checkpoint looks like.

    Attributes:
        name: what the file is called in a message: "is no NAME checkpoint".
        needed: the keys and shapes that the module has, for a network of the size that the given file has.
        unused: those that a file may hold besides, likewise; nothing else may be left over.
        containers: where the tensors are (:func:`unwrap`).
    """

    name: str
    needed: Callable[[Layout], Layout]
    unused: Callable[[Layout], Layout] = lambda _: {}
    containers: Containers = FLAT_OR_LIGHTNING

    def compare(self, found: Layout) -> list[str]:
        """Compare the keys and shapes of a file with this layout; return the differences, empty if it fits."""
        needed = self.needed(found)
        # the unused ones too: another number of flow channels is another model's file
        known = self.unused(found) | needed
        missing = sorted(needed.keys() - found.keys())
        unexpected = sorted(found.keys() - known.keys())
        reshaped = [
            f"{key} {found[key]} instead of {known[key]}"
            for key in sorted(known.keys() & found.keys())
            if found[key] != known[key]
        ]
        return [
            f"{len(keys)} {title}: {', '.join(keys)}"
            for title, keys in (
                ("missing keys", missing),
                ("unexpected keys", unexpected),
                ("wrong shapes", reshaped),
            )
            if keys
        ]


def _batch_norm(prefix: str, channels: int) -> Layout:
    layout: Layout = {f"{prefix}.{name}": (channels,) for name in ("weight", "bias", "running_mean", "running_var")}
    layout[f"{prefix}.num_batches_tracked"] = ()
    return layout


def resnet18(first: str, channels: int, width: int) -> Layout:
    """Return the keys and shapes of a ResNet-18 without its classifier, whose first convolution is ``first``."""
    layout: Layout = {f"{first}.weight": (width, channels, 7, 7)} | _batch_norm("bn1", width)
    before = width
    for number, growth in enumerate(GROWTH, start=1):
        after = growth * width
        for block in (0, 1):
            prefix = f"layer{number}.{block}"
            incoming = before if block == 0 else after
            layout[f"{prefix}.conv1.weight"] = (after, incoming, 3, 3)
            layout |= _batch_norm(f"{prefix}.bn1", after)
            layout[f"{prefix}.conv2.weight"] = (after, after, 3, 3)
            layout |= _batch_norm(f"{prefix}.bn2", after)
            if incoming != after:
                layout[f"{prefix}.downsample.0.weight"] = (after, incoming, 1, 1)
                layout |= _batch_norm(f"{prefix}.downsample.1", after)
        before = after
    return layout


@dataclass(frozen=True)
class EncoderLayout:
    """One encoder of a checkpoint: its key prefix, its first convolution and what that takes in."""

    prefix: Literal["image_encoder", "flow_encoder", "audio_encoder"]
    first: Literal["conv1", "conv1_flow"]
    channels: int

    def layout(self, width: int) -> Layout:
        """Return the keys that the encoder needs, prefix included."""
        return self._prefixed(resnet18(self.first, self.channels, width))

    def unused(self, width: int) -> Layout:
        """Return the keys that published files carry and the encoder does not use, prefix included."""
        if self.prefix == "audio_encoder":
            return self._prefixed({"spectrogram.window": (WINDOW,)})
        # the reference class declares a first convolution for pictures and one for pairs of flow fields
        other: Layout = {"conv1.weight": (width, 3, 7, 7)}
        if self.first == "conv1":
            other = {"conv1_flow.weight": (width, 6, 7, 7)}
        features = GROWTH[-1] * width
        spare: Layout = {"conv1_a.weight": (width, 1, 7, 7), "fc.weight": (1000, features), "fc.bias": (1000,)}
        return self._prefixed(spare | other)

    def _prefixed(self, layout: Layout) -> Layout:
        return {f"{self.prefix}.{key}": shape for key, shape in layout.items()}


_AUDIO = EncoderLayout("audio_encoder", "conv1", 1)

CHECKPOINTS: dict[str, tuple[EncoderLayout, ...]] = {
    "rcgrad": (
        EncoderLayout("image_encoder", "conv1", 3),
        _AUDIO,
    ),
    "flowgrad-ic": (
        EncoderLayout("image_encoder", "conv1_flow", 4),
        _AUDIO,
    ),
    "flowgrad-en": (
        EncoderLayout("image_encoder", "conv1", 3),
        EncoderLayout("flow_encoder", "conv1_flow", 1),
        _AUDIO,
    ),
}
UNUSED_ANYWHERE: Layout = {"loss_fn.logit_scale": ()}


def width_of(found: Layout) -> int | None:
    """Return the width of the network that a file holds; None where it holds no audio encoder."""
    shape = found.get("audio_encoder.layer1.0.conv1.weight")
    return shape[0] if shape else None


def layout_of(method: str) -> CheckpointLayout | None:
    """Return the layout of a checkpoint of the RCGrad family; None for another method."""
    if method not in CHECKPOINTS:
        return None

    def needed(found: Layout) -> Layout:
        return _joined(encoder.layout(width_of(found) or PUBLISHED_WIDTH) for encoder in CHECKPOINTS[method])

    def unused(found: Layout) -> Layout:
        spare = _joined(encoder.unused(width_of(found) or PUBLISHED_WIDTH) for encoder in CHECKPOINTS[method])
        return UNUSED_ANYWHERE | spare

    return CheckpointLayout(method, needed, unused)


def _joined(layouts: Iterable[Layout]) -> Layout:
    return {key: shape for layout in layouts for key, shape in layout.items()}
