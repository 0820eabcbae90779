"""The layout of the checkpoints of the original Coarse to Fine. No torch.

A ResNet-18 of frames, whose last stage is ``discrim.spa_conv``; a tagger of sounds (MobileCRNN-v2); and what both are
compared by (``discrim``). Files hold more: the networks that gave pseudo labels (``prior_a``, ``prior_v``), heads that
training alone uses, and everything under ``discrim`` a second time, under ``avalign.model``.
"""

from __future__ import annotations

from typing import NamedTuple

from flowgrad.models.layout import GROWTH, PUBLISHED_WIDTH, CheckpointLayout, Layout, batch_norm, resnet18

GROWTHS = (1, 1, 2, 2, 4, 4, 8, 8)
"""Channels of the stages of the tagger, in units of the width."""
PLACES = (0, 2, 4, 5, 7, 8, 10, 11)
"""Where they stand in ``audio.features``; poolings stand between them."""
EXPANSION = 6
"""How many times as many channels an inverted residual has inside."""
LAST = "layer4."
"""The last stage of a ResNet-18: of regions and classes ``visual.layer4``, of places ``discrim.spa_conv``."""
FINE = "discrim.transform_"
"""What the second stage of a training adds: where sounds and places are compared."""


class Sizes(NamedTuple):
    """The sizes of a network: width, hidden units of the recurrence, channels that are compared, classes."""

    width: int = PUBLISHED_WIDTH
    hidden: int = 128
    embedding: int = 128
    classes: int = 7

    @classmethod
    def of_width(cls, width: int) -> Sizes:
        """Return the sizes of a network of some width, in the published proportions.

        >>> Sizes.of_width(64) == Sizes()
        True
        """
        return cls(width, 2 * width, 2 * width)


def sizes(found: Layout) -> Sizes:
    """Return the sizes of the network that a file has; the published ones where it does not say.

    >>> sizes({"visual.layer1.0.conv1.weight": (8, 8, 3, 3), "audio.outputlayer.weight": (15, 256)})
    Sizes(width=8, hidden=128, embedding=128, classes=15)
    """
    # with the place in a shape: the three gates of the recurrence stand in one weight
    keys = (
        ("width", "visual.layer1.0.conv1.weight", 0),
        ("hidden", "audio.gru.rnn.weight_hh_l0", 1),
        # both heads are as wide; after the first stage there is only the former
        ("embedding", "discrim.discrim.0.weight", 0),
        ("embedding", "discrim.transform_a.0.weight", 0),
        ("classes", "audio.outputlayer.weight", 0),
    )
    said = {}
    for name, key, place in keys:
        shape = found.get(key, ())
        if len(shape) > place and shape[place] > 0:
            said[name] = shape[place]
    return Sizes()._replace(**said)


def _tagger(width: int, hidden: int, classes: int) -> Layout:
    layout = batch_norm("features.0.0", 1)
    layout["features.0.1.weight"], layout["features.0.1.bias"] = (width, 1, 5, 5), (width,)
    channels = [growth * width for growth in GROWTHS]
    for place, before, after in zip(PLACES[1:], channels, channels[1:], strict=False):
        prefix, inside = f"features.{place}.conv", EXPANSION * before
        layout[f"{prefix}.0.0.weight"] = (inside, before, 1, 1)
        layout |= batch_norm(f"{prefix}.0.1", inside)
        layout[f"{prefix}.1.0.weight"] = (inside, 1, 3, 3)
        layout |= batch_norm(f"{prefix}.1.1", inside)
        layout[f"{prefix}.2.weight"] = (after, inside, 1, 1)
        layout |= batch_norm(f"{prefix}.3", after)
    for direction in ("", "_reverse"):
        # two bands of frequency are left
        layout[f"gru.rnn.weight_ih_l0{direction}"] = (3 * hidden, 2 * channels[-1])
        layout[f"gru.rnn.weight_hh_l0{direction}"] = (3 * hidden, hidden)
        layout[f"gru.rnn.bias_ih_l0{direction}"] = layout[f"gru.rnn.bias_hh_l0{direction}"] = (3 * hidden,)
    return layout | {"outputlayer.weight": (classes, 2 * hidden), "outputlayer.bias": (classes,)}


def _compared(features: int, embedding: int) -> Layout:
    layout: Layout = {}
    for place, kernel in ((0, (3, 1)), (4, (1, 2)), (7, (3, 1))):
        layout[f"temp_conv.{place}.weight"] = (features, features, *kernel)
        layout |= batch_norm(f"temp_conv.{place + 1}", features)
    for side in "av":
        for place, before in ((0, features), (2, embedding)):
            layout[f"transform_{side}.{place}.weight"] = (embedding, before)
            layout[f"transform_{side}.{place}.bias"] = (embedding,)
        layout |= batch_norm(f"transform_{side}.3", embedding)
    return layout


def _under(prefix: str, layout: Layout) -> Layout:
    return {f"{prefix}.{key}": shape for key, shape in layout.items()}


def _stage(encoder: Layout) -> Layout:
    return {key.removeprefix(LAST): shape for key, shape in encoder.items() if key.startswith(LAST)}


def needed(found: Layout) -> Layout:
    """Return the keys and shapes that maps are made with, of the size that a file has."""
    size = sizes(found)
    encoder = resnet18("conv1", 3, size.width)
    layout = _under("visual", {key: shape for key, shape in encoder.items() if not key.startswith(LAST)})
    layout |= _under("audio", _tagger(size.width, size.hidden, size.classes))
    compared = _compared(GROWTH[-1] * size.width, size.embedding)
    return layout | _under("discrim", _under("spa_conv", _stage(encoder)) | compared)


def heads(found: Layout) -> Layout:
    """Return the keys and shapes that training alone needs: classes of frames and regions, and pairs."""
    size = sizes(found)
    features = GROWTH[-1] * size.width
    layout = _under("visual.layer4", _stage(resnet18("conv1", 3, size.width)))
    layout |= _under("visual", {"fc.weight": (size.classes, features), "fc.bias": (size.classes,)})
    return layout | _under("discrim", _pairs(features, size.embedding))


def _pairs(features: int, embedding: int) -> Layout:
    layout: Layout = {"discrim.0.weight": (embedding, 2 * features), "discrim.0.bias": (embedding,)}
    return layout | {"discrim.2.weight": (2, embedding), "discrim.2.bias": (2,)}


def coarse(found: Layout) -> Layout:
    """Return the keys and shapes of the network after the first stage of our training."""
    return {key: shape for key, shape in trained(found).items() if not key.startswith(FINE)}


def trained(found: Layout) -> Layout:
    """Return the keys and shapes that the second stage of a training goes on from, and leaves."""
    return needed(found) | heads(found)


def unused(found: Layout) -> Layout:
    """Return what files of the released code hold besides."""
    size = sizes(found)
    features = GROWTH[-1] * size.width
    encoder = resnet18("conv1", 3, size.width)
    layout = heads(found) | _under("prior_v", encoder | {"fc.weight": (1000, features), "fc.bias": (1000,)})
    layout |= _under("prior_a", _tagger(size.width, size.hidden, 527))
    layout |= _under("visual.layer5", _stage(encoder))
    compared = _under("spa_conv", _stage(encoder)) | _compared(features, size.embedding)
    return layout | _under("avalign.model", compared | _pairs(features, size.embedding))


LAYOUT = CheckpointLayout("coarse-to-fine-original", needed, unused)
TRAINED = CheckpointLayout("coarse-to-fine-original", trained, unused)
"""With the heads that a training goes on from."""
COARSE = CheckpointLayout("coarse-to-fine-original stage 1", coarse)
"""After the first stage of our training, which makes no maps. (Files of the released code hold all after either.)"""
