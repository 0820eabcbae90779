"""The encoders of RCGrad and FlowGrad: ResNet-18 for frames, flow and spectrograms, and the audio front end."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flowgrad.flow.magnitude import INPUT_OFFSET, INPUT_SCALE
from flowgrad.models.checkpoints import load_state, shapes
from flowgrad.models.layout import PUBLISHED_WIDTH
from flowgrad.models.rcgrad.layout import (
    CHECKPOINTS,
    WINDOW,
    knows_sounds,
    layout_of,
    sounds_of,
    standardises_flow,
    width_of,
)
from flowgrad.models.resnet import Encoder

HOP = 353


class AudioEncoder(Encoder):
    """The audio encoder: log spectrogram, ResNet-18, spatial mean. Sound (N, S) -> embedding (N, 8 width)."""

    standardised_over: Literal["sample", "batch"] = "sample"

    def __init__(self, width: int = PUBLISHED_WIDTH) -> None:
        super().__init__(channels=1, dense=False, width=width)

    def forward(self, x: Tensor) -> Tensor:
        """Return embeddings (N, 8 width) of audio (N, S)."""
        return self.embed(log_spectrogram(x, self.standardised_over))

    def embed(self, spectrograms: Tensor) -> Tensor:
        """Return embeddings (N, 8 width) of spectrograms (N, 1, F, T)."""
        return super().forward(spectrograms).mean(dim=(2, 3))


class FlowInput(nn.Module):
    """The flow as a network of ours sees it: mean 0 and deviation 1 over what it was trained on.

    Published networks see ``(magnitude + 5) / 200``, which hardly differs from one place to another (deviation 0.02).
    Both numbers are kept in the checkpoint, in native pixels per 1/8 s.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(0.0))
        self.register_buffer("deviation", torch.tensor(1.0))

    def forward(self, magnitude: Tensor) -> Tensor:
        """Return magnitudes, of any shape, standardised."""
        return (magnitude - self.mean) / self.deviation

    def of_published(self, x: Tensor) -> Tensor:
        """Return what :func:`flowgrad.flow.magnitude.network_input` gave, standardised."""
        return self.forward(x * INPUT_SCALE - INPUT_OFFSET)


class Sounds(nn.Module):
    """What the audio encoder makes of all sounds together: the mean, (C,), of embeddings of length 1.

    It is zero where nobody has measured it: then nothing is taken off.
    """

    mean: Tensor

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(sounds_of(width)["sounds.mean"]))


def build_encoders(
    method: str, width: int = PUBLISHED_WIDTH, standardised_flow: bool = False, mean_sound: bool = False
) -> nn.ModuleDict:
    """Return the untrained encoders of ``method`` under the names that its checkpoint gives them.

    ``standardised_flow`` adds ``flow_input``, a :class:`FlowInput`, and ``mean_sound`` adds ``sounds``, a
    :class:`Sounds`, as trainings of ours have them.
    """
    encoders: dict[str, nn.Module] = {"flow_input": FlowInput()} if standardised_flow else {}
    encoders |= {"sounds": Sounds(width)} if mean_sound else {}
    for known in CHECKPOINTS[method]:
        audio = known.prefix == "audio_encoder"
        encoders[known.prefix] = AudioEncoder(width) if audio else Encoder(known.channels, known.first, width=width)
    return nn.ModuleDict(encoders)


def load_encoders(path: Path, method: str) -> nn.ModuleDict:
    """Return the encoders of a checkpoint of ``method``, at the width that the file has.

    Raises ``InputError`` as :func:`load_state` does.
    """
    state = load_state(path, layout_of(method))
    width = width_of(shapes(state)) or PUBLISHED_WIDTH
    encoders = build_encoders(method, width, standardises_flow(state), knows_sounds(state))
    encoders.load_state_dict(state, strict=True)
    return encoders


def log_spectrogram(audio: Tensor, over: Literal["sample", "batch"] = "sample") -> Tensor:
    """Return the standardised log power spectrogram (N, 1, 257, 1 + S // 353) of audio (N, S).

    Hann window and transform of 512 samples, hop 353, centred, ``log(power + 1e-7)``, then zero mean and unit
    deviation per sample. (The released code standardises over the whole batch. It asks with one sample at a time, where
    that is the same; it trains with many, where a sample then depends on its company.) Always float32.
    """
    audio = audio.float()
    window = torch.hann_window(WINDOW, device=audio.device)
    spectrum = torch.stft(audio, WINDOW, HOP, window=window, center=True, pad_mode="reflect", return_complex=True)
    log_power = torch.log(spectrum.abs().square() + 1e-7)
    places = (1, 2) if over == "sample" else (0, 1, 2)
    mean = log_power.mean(dim=places, keepdim=True)
    deviation = log_power.std(dim=places, keepdim=True)
    return ((log_power - mean) / (deviation + 1e-9)).unsqueeze(1)


class ClipBatchNorm(nn.BatchNorm2d):
    """BatchNorm with the statistics of each sample itself: what training mode gives for a batch of one."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, H, W) per sample and channel."""
        return F.instance_norm(x, weight=self.weight, bias=self.bias, use_input_stats=True, eps=self.eps)


def use_clip_statistics(module: nn.Module) -> None:
    """Replace every BatchNorm of a module by :class:`ClipBatchNorm`, keeping its parameters."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            replacement = ClipBatchNorm(child.num_features, eps=child.eps)
            replacement.load_state_dict(child.state_dict())
            setattr(module, name, replacement)
        else:
            use_clip_statistics(child)
