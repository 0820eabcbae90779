"""The layout of the checkpoints of Coarse to Fine, simplified version. No torch.

Two ResNet-18 (``vision``, ``audio``), a head that says whether picture and sound belong together (``avc``), classes of
both (``class_v``, ``class_a``), and projections to where both are compared (``project_v``, ``project_a``). The encoder
class of the released code declares layers that it does not use: files carry them, ours do not need them.
"""

from __future__ import annotations

from typing import NamedTuple

from flowgrad.models.layout import GROWTH, PUBLISHED_WIDTH, CheckpointLayout, Layout, resnet18

CLASSES = 7
ENCODERS = {"vision": ("conv1", 3), "audio": ("conv1_a", 1)}
"""The encoders, each with its first convolution and the channels of that: RGB, the log-mel spectrogram."""
SIDES = "av"
"""How heads of the sound and of the picture end."""


class Sizes(NamedTuple):
    """The sizes of a network.

    Attributes:
        width: channels of the encoders' first stage.
        hidden: of the projections, in between.
        embedding: what projections end in.
        pairs: hidden units of the head of pairs.
        classes: that sounds and pictures are told apart by.
    """

    width: int
    hidden: int
    embedding: int
    pairs: int
    classes: int = CLASSES

    @classmethod
    def of_width(cls, width: int) -> Sizes:
        """Return the sizes of a network of some width, in the published proportions.

        >>> Sizes.of_width(64)
        Sizes(width=64, hidden=1024, embedding=128, pairs=128, classes=7)
        """
        return cls(width, 16 * width, 2 * width, 2 * width)

    @property
    def features(self) -> int:
        """Return the channels that the encoders end in."""
        return GROWTH[-1] * self.width


def sizes(found: Layout) -> Sizes:
    """Return the sizes of the network that a file has; what it does not say is in proportion to its width.

    >>> sizes({"audio.layer1.0.conv1.weight": (16, 16, 3, 3), "avc.0.weight": (8, 256)})
    Sizes(width=16, hidden=256, embedding=32, pairs=8, classes=7)
    """
    width = next(iter(found.get("audio.layer1.0.conv1.weight", ())), 0) or PUBLISHED_WIDTH
    keys = {
        "hidden": "project_a.0.weight",
        "embedding": "project_a.2.weight",
        "pairs": "avc.0.weight",
        "classes": "class_a.weight",
    }
    said = {name: found[key][0] for name, key in keys.items() if found.get(key) and found[key][0] > 0}
    return Sizes.of_width(width)._replace(**said)


def _encoders(found: Layout) -> Layout:
    width = sizes(found).width
    return {
        f"{encoder}.{key}": shape
        for encoder, (first, channels) in ENCODERS.items()
        for key, shape in resnet18(first, channels, width).items()
    }


def coarse(found: Layout) -> Layout:
    """Return the keys and shapes of the first stage, of the size that a file has."""
    size = sizes(found)
    layout = _encoders(found) | {"avc.0.weight": (size.pairs, 2 * size.features), "avc.0.bias": (size.pairs,)}
    layout |= {"avc.2.weight": (2, size.pairs), "avc.2.bias": (2,)}
    return layout | {f"class_{side}.weight": (size.classes, size.features, 1, 1) for side in SIDES}


def projections(found: Layout) -> Layout:
    """Return the keys and shapes that the second stage adds."""
    size = sizes(found)
    layout: Layout = {}
    for side in SIDES:
        layout[f"project_{side}.0.weight"] = (size.hidden, size.features, 1)
        layout[f"project_{side}.2.weight"] = (size.embedding, size.hidden, 1)
    return layout


def needed(found: Layout) -> Layout:
    """Return the keys and shapes of the network after both stages, of the size that a file has."""
    return coarse(found) | projections(found)


def unused(found: Layout) -> Layout:
    """Return the keys that files of the released code carry besides: the other first convolution, and a classifier."""
    size = sizes(found)
    layout: Layout = {}
    for encoder in ENCODERS:
        layout[f"{encoder}.conv1_a.weight"] = (size.width, 1, 7, 7)
        layout[f"{encoder}.conv1.weight"] = (size.width, 3, 7, 7)
        layout[f"{encoder}.fc.weight"], layout[f"{encoder}.fc.bias"] = (1000, size.features), (1000,)
    return layout


LAYOUT = CheckpointLayout("coarse-to-fine", needed, unused)
COARSE = CheckpointLayout("coarse-to-fine stage 1", coarse, unused)
"""After the first stage: a training starts its second one there. It makes no maps."""
