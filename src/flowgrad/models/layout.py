"""The layout of the published checkpoints: which keys they hold, of which shape. No torch.

A :class:`CheckpointLayout` says it for one kind of file; each family of models declares its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Shape = tuple[int, ...]
Layout = dict[str, Shape]

PUBLISHED_WIDTH = 64
GROWTH = (1, 2, 4, 8)
"""Channels of the four stages, in units of the width."""

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


def batch_norm(prefix: str, channels: int) -> Layout:
    """Return the keys and shapes of a BatchNorm."""
    layout: Layout = {f"{prefix}.{name}": (channels,) for name in ("weight", "bias", "running_mean", "running_var")}
    layout[f"{prefix}.num_batches_tracked"] = ()
    return layout


def resnet18(first: str, channels: int, width: int) -> Layout:
    """Return the keys and shapes of a ResNet-18 without its classifier, whose first convolution is ``first``."""
    layout: Layout = {f"{first}.weight": (width, channels, 7, 7)} | batch_norm("bn1", width)
    before = width
    for number, growth in enumerate(GROWTH, start=1):
        after = growth * width
        for block in (0, 1):
            prefix = f"layer{number}.{block}"
            incoming = before if block == 0 else after
            layout[f"{prefix}.conv1.weight"] = (after, incoming, 3, 3)
            layout |= batch_norm(f"{prefix}.bn1", after)
            layout[f"{prefix}.conv2.weight"] = (after, after, 3, 3)
            layout |= batch_norm(f"{prefix}.bn2", after)
            if incoming != after:
                layout[f"{prefix}.downsample.0.weight"] = (after, incoming, 1, 1)
                layout |= batch_norm(f"{prefix}.downsample.1", after)
        before = after
    return layout
