"""The layout of Hear The Flow's published checkpoints. No torch.

Three ResNet-18 without classifier and the attention between two of them, in a ``.pth`` under ``model`` or in
Lightning's ``.ckpt`` under ``state_dict``, where every key begins with ``model.``.
"""

from __future__ import annotations

from flowgrad.models.layout import GROWTH, PUBLISHED_WIDTH, CheckpointLayout, Layout, resnet18

PUBLISHED_ATTENTION = 64
"""Channels of queries and keys."""
ENCODERS = {"imgnet": 3, "audnet": 1, "flownet": 2}
"""The encoders and their input channels: RGB, the spectrogram, flow to the right and down."""


def sizes(found: Layout) -> tuple[int, int]:
    """Return the width of the encoders and the channels of the attention that a file has; the published ones if none.

    >>> sizes({"audnet.layer1.0.conv1.weight": (16, 16, 3, 3)})
    (16, 64)
    """
    width = found.get("audnet.layer1.0.conv1.weight", ())
    attention = found.get("flowatt.query_conv.weight", ())
    return (width[0] if width else 0) or PUBLISHED_WIDTH, (attention[0] if attention else 0) or PUBLISHED_ATTENTION


def needed(found: Layout) -> Layout:
    """Return the keys and shapes of the network of the size that a file has."""
    width, attention = sizes(found)
    features = GROWTH[-1] * width
    layout: Layout = {
        f"{encoder}.{key}": shape
        for encoder, channels in ENCODERS.items()
        for key, shape in resnet18("conv1", channels, width).items()
    }
    for name, channels in (("query", attention), ("key", attention), ("value", features)):
        layout[f"flowatt.{name}_conv.weight"] = (channels, features, 1, 1)
        layout[f"flowatt.{name}_conv.bias"] = (channels,)
    return layout


LAYOUT = CheckpointLayout("hear-the-flow", needed, containers=(("model", ""), ("state_dict", "model.")))
