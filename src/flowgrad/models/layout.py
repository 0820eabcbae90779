"""The layout of the published checkpoints: which keys they hold, of which shape. No torch.

All encoders are ResNet-18 with four BasicBlock stages; the first convolution differs. The image encoder of the
reference code declares layers that it does not use (``conv1_a``, ``fc`` and, beside ``conv1``, a ``conv1_flow``):
published files carry them, ours do not need them, and nothing else may be left over.
"""

from __future__ import annotations

from dataclasses import dataclass

Shape = tuple[int, ...]
Layout = dict[str, Shape]

STAGES = ((64, 64), (64, 128), (128, 256), (256, 512))
WINDOW = 512


def _batch_norm(prefix: str, channels: int) -> Layout:
    layout: Layout = {f"{prefix}.{name}": (channels,) for name in ("weight", "bias", "running_mean", "running_var")}
    layout[f"{prefix}.num_batches_tracked"] = ()
    return layout


def resnet18(first: str, channels: int) -> Layout:
    """Return the keys and shapes of a ResNet-18 without its classifier, whose first convolution is ``first``."""
    layout: Layout = {f"{first}.weight": (64, channels, 7, 7)} | _batch_norm("bn1", 64)
    for number, (before, after) in enumerate(STAGES, start=1):
        for block in (0, 1):
            prefix = f"layer{number}.{block}"
            width = before if block == 0 else after
            layout[f"{prefix}.conv1.weight"] = (after, width, 3, 3)
            layout |= _batch_norm(f"{prefix}.bn1", after)
            layout[f"{prefix}.conv2.weight"] = (after, after, 3, 3)
            layout |= _batch_norm(f"{prefix}.bn2", after)
            if width != after:
                layout[f"{prefix}.downsample.0.weight"] = (after, width, 1, 1)
                layout |= _batch_norm(f"{prefix}.downsample.1", after)
    return layout


@dataclass(frozen=True)
class EncoderLayout:
    """One encoder of a checkpoint: its key prefix, first convolution, and what may stand there unused."""

    prefix: str
    first: str
    channels: int
    unused: Layout

    def layout(self) -> Layout:
        """Return the keys that the encoder needs, prefix included."""
        return {f"{self.prefix}.{key}": shape for key, shape in resnet18(self.first, self.channels).items()}


_SPARE: Layout = {"conv1_a.weight": (64, 1, 7, 7), "fc.weight": (1000, 512), "fc.bias": (1000,)}
_PICTURES: Layout = {"conv1.weight": (64, 3, 7, 7)}
_FLOW_PAIR: Layout = {"conv1_flow.weight": (64, 6, 7, 7)}
_AUDIO = EncoderLayout("audio_encoder", "conv1", 1, {"spectrogram.window": (WINDOW,)})

CHECKPOINTS: dict[str, tuple[EncoderLayout, ...]] = {
    "rcgrad": (
        EncoderLayout("image_encoder", "conv1", 3, _SPARE | _FLOW_PAIR),
        _AUDIO,
    ),
    "flowgrad-ic": (
        EncoderLayout("image_encoder", "conv1_flow", 4, _SPARE | _PICTURES),
        _AUDIO,
    ),
    "flowgrad-en": (
        EncoderLayout("image_encoder", "conv1", 3, _SPARE | _FLOW_PAIR),
        EncoderLayout("flow_encoder", "conv1_flow", 1, _SPARE | _PICTURES),
        _AUDIO,
    ),
}
UNUSED_ANYWHERE: Layout = {"loss_fn.logit_scale": ()}


def compare(method: str, found: Layout) -> list[str]:
    """Compare the keys and shapes of a file with what ``method`` needs; return the differences, empty if it fits."""
    needed: Layout = {}
    known: Layout = dict(UNUSED_ANYWHERE)
    for encoder in CHECKPOINTS[method]:
        needed |= encoder.layout()
        known |= {f"{encoder.prefix}.{key}": shape for key, shape in encoder.unused.items()}
    known |= needed
    missing = sorted(needed.keys() - found.keys())
    unexpected = sorted(found.keys() - known.keys())
    # the unused ones too: another number of flow channels is another model's file
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
