"""The layout of checkpoints of visual context semantics. No torch.

Both encoders are of one class, which declares a first convolution for frames, for spectrograms and for pairs of flow
fields: each uses one of them. No weights were published; the released training code writes such files.
"""

from __future__ import annotations

from flowgrad.models.layout import GROWTH, PUBLISHED_WIDTH, CheckpointLayout, Layout, resnet18

PUBLISHED_NODES = 16
FIRST = {"imgnet": ("conv1", 3), "audnet": ("conv1_a", 1)}
"""The first convolution that an encoder uses, and its channels."""
DECLARED = {"conv1": 3, "conv1_a": 1, "conv1_flow": 6}
"""The first convolutions that files have in each encoder."""
NODES = "gluenet.conv_proj.weight"


def sizes(found: Layout) -> tuple[int, int]:
    """Return the width of the encoders and the number of nodes that a file has; the published ones if none.

    >>> sizes({"audnet.layer1.0.conv1.weight": (16, 16, 3, 3), "gluenet.conv_proj.weight": (8, 128, 1, 1)})
    (16, 8)
    """
    width, nodes = found.get("audnet.layer1.0.conv1.weight", ()), found.get(NODES, ())
    return (width[0] if width else 0) or PUBLISHED_WIDTH, (nodes[0] if nodes else 0) or PUBLISHED_NODES


def needed(found: Layout) -> Layout:
    """Return the keys and shapes of the network of the size that a file has."""
    width, nodes = sizes(found)
    layout: Layout = {
        f"{encoder}.{key}": shape
        for encoder, (first, channels) in FIRST.items()
        for key, shape in resnet18(first, channels, width).items()
    }
    return layout | {"scale": (1,), NODES: (nodes, GROWTH[-1] * width, 1, 1)}


def unused(found: Layout) -> Layout:
    """Return the keys that files carry and the network does not use."""
    width, _ = sizes(found)
    layout: Layout = {}
    for encoder, (first, _) in FIRST.items():
        others = {name: channels for name, channels in DECLARED.items() if name != first}
        layout |= {f"{encoder}.{name}.weight": (width, channels, 7, 7) for name, channels in others.items()}
        layout |= {f"{encoder}.fc.weight": (1000, GROWTH[-1] * width), f"{encoder}.fc.bias": (1000,)}
    return layout


LAYOUT = CheckpointLayout(
    "visual-context", needed, unused, containers=(("model_state_dict", "module."), ("state_dict", "module."))
)
