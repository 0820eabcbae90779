"""The network of the original Coarse to Fine, as far as maps need it, with the key names of its checkpoints."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flowgrad.models.coarse_to_fine.original_layout import EXPANSION, GROWTHS, Sizes
from flowgrad.models.layout import GROWTH
from flowgrad.models.resnet import Encoder, standardised

HALVED = (1, 3, 5)
"""The stages of the tagger after which neighbouring bands of frequency are pooled."""
ACTIVE = 0.1
"""A class is heard in a cell of time and frequency where its activation is above this."""
SHARPNESS = 10
"""Of the softmax over places."""
LEAST = 1e-7


class Residual(nn.Module):
    """An inverted residual (MobileNetV2): more channels, each filtered alone, then fewer again."""

    def __init__(self, before: int, after: int):
        super().__init__()
        inside = EXPANSION * before
        self.conv = nn.Sequential(
            _filtered(before, inside, 1),
            _filtered(inside, inside, 3, groups=inside),
            nn.Conv2d(inside, after, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        self._added = before == after

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, after, h, w) of (N, before, h, w)."""
        made: Tensor = self.conv(x)
        return x + made if self._added else made


def _filtered(before: int, after: int, kernel: int, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, kernel, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU6())


class Tagger(nn.Module):
    """MobileCRNN-v2: what is heard in a spectrogram, (N, K) probabilities of classes.

    Args:
        width: channels of its first stage.
        hidden: units of the recurrence in each direction.
        classes: K.
    """

    def __init__(self, width: int, hidden: int, classes: int):
        super().__init__()
        channels = [growth * width for growth in GROWTHS]
        stages: list[nn.Module] = [
            nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, width, 5, stride=2, padding=2), nn.SiLU()),
            nn.MaxPool2d(2),
        ]
        for number, (before, after) in enumerate(pairwise(channels), start=1):
            stages.append(Residual(before, after))
            if number in HALVED:
                stages.append(nn.MaxPool2d((1, 2)))
        self.features = nn.Sequential(*stages)
        self.gru = nn.ModuleDict({"rnn": nn.GRU(2 * channels[-1], hidden, bidirectional=True, batch_first=True)})
        self.outputlayer = nn.Linear(2 * hidden, classes)

    def tags(self, features: Tensor) -> Tensor:
        """Return probabilities (N, K) of features (N, C, T, 2): their mean over time, weighted by themselves."""
        over_time, _ = self.gru["rnn"](features.transpose(1, 2).flatten(2))
        found = self.outputlayer(over_time).sigmoid().clamp(LEAST, 1)
        mean: Tensor = found.square().sum(dim=1) / found.sum(dim=1)
        return mean.clamp(LEAST, 1)


class Heard(NamedTuple):
    """What is heard of each class of N sounds.

    Attributes:
        classes: (N, K, E).
        probabilities: (N, K).
        active: (N, K), in which share of the cells of time and frequency.
    """

    classes: Tensor
    probabilities: Tensor
    active: Tensor


class OriginalNetwork(nn.Module):
    """Encoders of frame and sound, and what both are compared by.

    Args:
        size: of the network.
    """

    def __init__(self, size: Sizes | None = None):
        super().__init__()
        size = size or Sizes()
        features = GROWTH[-1] * size.width
        self.visual = Encoder(3, dense=True, width=size.width)
        # what places are compared by has a last stage of its own
        compared = self.visual.layer4
        del self.visual.layer4
        self.audio = Tagger(size.width, size.hidden, size.classes)
        self.discrim = nn.ModuleDict(
            {
                "spa_conv": compared,
                "temp_conv": nn.Sequential(
                    nn.Conv2d(features, features, (3, 1), dilation=(2, 1), padding=(2, 0), bias=False),
                    nn.BatchNorm2d(features),
                    nn.MaxPool2d((2, 1)),
                    nn.ReLU(),
                    nn.Conv2d(features, features, (1, 2), stride=(1, 2), bias=False),
                    nn.BatchNorm2d(features),
                    nn.ReLU(),
                    nn.Conv2d(features, features, (3, 1), padding=(1, 0), bias=False),
                    nn.BatchNorm2d(features),
                    nn.MaxPool2d((2, 1)),
                    nn.ReLU(),
                ),
                "transform_a": _transform(features, size.embedding),
                "transform_v": _transform(features, size.embedding),
            }
        )

    def places(self, frames: Tensor) -> Tensor:
        """Return what places are compared by, (N, E, H / 16, W / 16), of frames (N, 3, H, W) in 0..1."""
        features = self.discrim["spa_conv"](self.visual.below(standardised(frames)))
        found: Tensor = self.discrim["transform_v"](features.permute(0, 2, 3, 1).flatten(0, 2))
        return found.reshape(features.shape[0], *features.shape[2:], -1).permute(0, 3, 1, 2)

    def forward(self, frames: Tensor) -> tuple[Tensor]:
        """Return what :meth:`places` does, float32, of frames (N, H, W, 3) uint8."""
        return (self.places(frames.permute(0, 3, 1, 2).float() / 255).float(),)

    def heard(self, spectrograms: Tensor) -> Heard:
        """Return what is heard of each class in spectrograms (N, T, 64)."""
        features = self.audio.features(spectrograms[:, None])
        probabilities, cells = self.cells(features)
        return Heard(self.by_class(features, cells), probabilities, cells.mean(dim=(2, 3)))

    def cells(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the probabilities (N, K) of what is heard, and in which cells of time and frequency, (N, K, T, 2).

        A class is heard (1) in the cells where its gradient map is above 0.1, and in no other (0). Takes part in no
        gradient, and does not need that any are recorded.
        """
        with torch.inference_mode(False), torch.enable_grad():
            # what inference mode has made cannot be asked for a gradient; its copy can
            features = features.detach().clone().requires_grad_()
            probabilities = self.audio.tags(features)
            gradients = [
                torch.autograd.grad(of_class.sum(), features, retain_graph=True)[0] for of_class in probabilities.T
            ]
        weights = torch.stack(gradients, dim=1).sum(dim=(3, 4))
        features = features.detach()
        cells = torch.einsum("nkc,nctf->nktf", weights, features) > ACTIVE
        return probabilities.detach(), cells.to(features.dtype)

    def by_class(self, features: Tensor, cells: Tensor) -> Tensor:
        """Return what sounds are compared by, (N, K, E), of features (N, C, T, 2): other cells than a class's are 0."""
        kept = (features[:, None] * cells[:, :, None]).flatten(0, 1)
        found: Tensor = self.discrim["transform_a"](self.discrim["temp_conv"](kept).amax(dim=(2, 3)))
        return found.reshape(*cells.shape[:2], -1)


def _transform(features: int, embedding: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(features, embedding), nn.ReLU(), nn.Linear(embedding, embedding), nn.BatchNorm1d(embedding)
    )


def fit(places: Tensor, classes: Tensor) -> Tensor:
    """Return how well places (N, E, h, w) fit each class (N, K, E), (N, K, h, w) in 0..1.

    It is the softmax over places of -10 times the mean squared difference, divided by its maximum.
    """
    count, _, height, width = places.shape
    apart = (classes[:, :, :, None] - places.flatten(2)[:, None]).square().mean(dim=2)
    found = F.softmax(-SHARPNESS * apart, dim=2)
    return (found / found.amax(dim=2, keepdim=True)).reshape(count, -1, height, width)
