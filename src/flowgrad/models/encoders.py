"""The encoders of the RCGrad family: ResNet-18 for pictures, flow and spectrograms, and the audio front end."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, conv1x1

from flowgrad.models.layout import CHECKPOINTS, GROWTH, PUBLISHED_WIDTH, WINDOW

HOP = 353


class Encoder(nn.Module):
    """A ResNet-18 without classifier.

    Args:
        channels: input channels.
        first: name of the first convolution in the checkpoint (``conv1``, or ``conv1_flow``).
        dense: keep stride 1 in the last stage, so that 224x224 gives a 14x14 grid instead of 7x7.
        width: channels of the first stage; the last has eight times as many.
    """

    def __init__(self, channels: int, first: str = "conv1", dense: bool = True, width: int = PUBLISHED_WIDTH):
        super().__init__()
        self.add_module(first, nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False))
        self._first = first
        self.bn1 = nn.BatchNorm2d(width)
        one, two, three, four = (growth * width for growth in GROWTH)
        self.layer1 = _stage(width, one, stride=1)
        self.layer2 = _stage(one, two, stride=2)
        self.layer3 = _stage(two, three, stride=2)
        self.layer4 = _stage(three, four, stride=1 if dense else 2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Return the last stage's activations (N, 8 width, h, w), all >= 0, of an input (N, channels, H, W)."""
        x = F.relu(self.bn1(getattr(self, self._first)(x)))
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x


def _stage(before: int, after: int, stride: int) -> nn.Sequential:
    shortcut = None
    if before != after:
        shortcut = nn.Sequential(conv1x1(before, after, stride), nn.BatchNorm2d(after))
    return nn.Sequential(BasicBlock(before, after, stride, shortcut), BasicBlock(after, after))


class AudioEncoder(Encoder):
    """The audio encoder: log spectrogram, ResNet-18, spatial mean. Sound (N, S) -> embedding (N, 8 width)."""

    def __init__(self, width: int = PUBLISHED_WIDTH) -> None:
        super().__init__(channels=1, dense=False, width=width)

    def forward(self, x: Tensor) -> Tensor:
        """Return embeddings (N, 8 width) of sound (N, S)."""
        return super().forward(log_spectrogram(x)).mean(dim=(2, 3))


def build_encoders(method: str, width: int = PUBLISHED_WIDTH) -> nn.ModuleDict:
    """Return the untrained encoders of ``method`` under the names that its checkpoint gives them."""
    encoders: dict[str, nn.Module] = {}
    for known in CHECKPOINTS[method]:
        audio = known.prefix == "audio_encoder"
        encoders[known.prefix] = AudioEncoder(width) if audio else Encoder(known.channels, known.first, width=width)
    return nn.ModuleDict(encoders)


def log_spectrogram(sound: Tensor) -> Tensor:
    """Return the standardised log power spectrogram (N, 1, 257, 1 + S // 353) of sound (N, S).

    Hann window and transform of 512 samples, hop 353, centred, ``log(power + 1e-7)``, then zero mean and unit
    deviation per sample. (The released code standardises over the whole batch, which it always runs with one sample;
    per sample is the same there and does not depend on the batch.) Always float32.
    """
    sound = sound.float()
    window = torch.hann_window(WINDOW, device=sound.device)
    spectrum = torch.stft(sound, WINDOW, HOP, window=window, center=True, pad_mode="reflect", return_complex=True)
    log_power = torch.log(spectrum.abs().square() + 1e-7)
    mean = log_power.mean(dim=(1, 2), keepdim=True)
    deviation = log_power.std(dim=(1, 2), keepdim=True)
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
