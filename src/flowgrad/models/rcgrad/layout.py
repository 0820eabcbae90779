"""The layout of the published checkpoints of RCGrad, FlowGrad-IC and FlowGrad-EN. No torch.

All encoders are ResNet-18 with four BasicBlock stages of ``width`` (published: 64) to 8 ``width`` channels; the first
convolution differs. The image encoder of the reference code declares layers that it does not use (``conv1_a``, ``fc``
and, beside ``conv1``, a ``conv1_flow``): published files carry them, ours do not need them, and nothing else may be
left over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from flowgrad.models.layout import GROWTH, PUBLISHED_WIDTH, CheckpointLayout, Layout, resnet18

WINDOW = 512
"""Samples of a column of the spectrogram."""


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
FLOW_INPUT: Layout = {"flow_input.mean": (), "flow_input.deviation": ()}
"""What is taken out of the flow, in native pixels per 1/8 s: in the files that are trained here, not in published ones.
"""


def sounds_of(width: int) -> Layout:
    """Return the mean embedding of the sounds that were learnt from: in the files that are trained here."""
    return {"sounds.mean": (GROWTH[-1] * width,)}


def knows_sounds(found: Iterable[str]) -> bool:
    """Return whether a file, of which these are the keys, holds the mean of the sounds that were learnt from."""
    return "sounds.mean" in found


def width_of(found: Layout) -> int | None:
    """Return the width of the network that a file holds; None where it holds no audio encoder."""
    shape = found.get("audio_encoder.layer1.0.conv1.weight")
    return shape[0] if shape else None


def sees_flow(method: str) -> bool:
    """Return whether an encoder of a method takes in flow."""
    return any(encoder.first == "conv1_flow" for encoder in CHECKPOINTS[method])


def standardises_flow(found: Iterable[str]) -> bool:
    """Return whether a file, of which these are the keys, says how its flow is standardised."""
    return not FLOW_INPUT.keys().isdisjoint(found)


def layout_of(method: str) -> CheckpointLayout:
    """Return the layout of a checkpoint of the RCGrad family."""

    def needed(found: Layout) -> Layout:
        width = width_of(found) or PUBLISHED_WIDTH
        own = _joined(encoder.layout(width) for encoder in CHECKPOINTS[method])
        own |= FLOW_INPUT if sees_flow(method) and standardises_flow(found) else {}
        return own | sounds_of(width) if knows_sounds(found) else own

    def unused(found: Layout) -> Layout:
        spare = _joined(encoder.unused(width_of(found) or PUBLISHED_WIDTH) for encoder in CHECKPOINTS[method])
        return UNUSED_ANYWHERE | spare

    return CheckpointLayout(method, needed, unused)


def _joined(layouts: Iterable[Layout]) -> Layout:
    return {key: shape for layout in layouts for key, shape in layout.items()}
