"""The encoders of the RCGrad family: ResNet-18 for pictures, flow and spectrograms, and the audio front end."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet

from flowgrad.models.layout import WINDOW

HOP = 353


class Encoder(nn.Module):
    """A ResNet-18 without classifier.

    Args:
        channels: input channels.
        first: name of the first convolution in the checkpoint (``conv1``, or ``conv1_flow``).
        dense: keep stride 1 in the last stage, so that 224x224 gives a 14x14 grid instead of 7x7.
    """

    def __init__(self, channels: int, first: str = "conv1", dense: bool = True):
        super().__init__()
        resnet = ResNet(BasicBlock, [2, 2, 2, 2])
        self.add_module(first, nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False))
        self._first = first
        self.bn1 = resnet.bn1
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            resnet.layer1,
            resnet.layer2,
            resnet.layer3,
            resnet.layer4,
        )
        if dense:
            block = self.layer4[0]
            block.conv1.stride = (1, 1)
            block.downsample[0].stride = (1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the last stage's activations (N, 512, h, w), all >= 0, of an input (N, channels, H, W)."""
        x = F.relu(self.bn1(getattr(self, self._first)(x)))
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x


class AudioEncoder(Encoder):
    """The audio encoder: log spectrogram, ResNet-18, spatial mean. Sound (N, S) -> embedding (N, 512)."""

    def __init__(self) -> None:
        super().__init__(channels=1, dense=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return embeddings (N, 512) of sound (N, S)."""
        return super().forward(log_spectrogram(x)).mean(dim=(2, 3))


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
