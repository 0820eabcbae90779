"""The network of Coarse to Fine (simplified version), with the key names of its checkpoints."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flowgrad.models.coarse_to_fine.layout import ENCODERS, Sizes
from flowgrad.models.layout import PUBLISHED_WIDTH
from flowgrad.models.resnet import Encoder, pictures, standardised

TINY = 1e-10


class CoarseToFineNetwork(nn.Module):
    """Encoders of frame and sound, and what both are asked: classes, whether they belong together, where they meet.

    What it is given and gives: frames (N, 3, H, W) in 0..1, spectrograms (N, T, 64), features (N, F, h, w) of either.

    Args:
        sizes: of the network; the published ones.
    """

    def __init__(self, sizes: Sizes | None = None):
        super().__init__()
        size = sizes or Sizes.of_width(PUBLISHED_WIDTH)
        for name, (first, channels) in ENCODERS.items():
            self.add_module(name, Encoder(channels, first, dense=True, width=size.width))
        self.avc = nn.Sequential(nn.Linear(2 * size.features, size.pairs), nn.ReLU(), nn.Linear(size.pairs, 2))
        self.class_a, self.class_v = (nn.Conv2d(size.features, size.classes, 1, bias=False) for _ in range(2))
        self.project_a, self.project_v = (
            nn.Sequential(
                nn.Conv1d(size.features, size.hidden, 1, bias=False),
                nn.ReLU(),
                nn.Conv1d(size.hidden, size.embedding, 1, bias=False),
            )
            for _ in range(2)
        )

    def seen(self, frames: Tensor) -> Tensor:
        """Return the features (N, F, H / 16, W / 16) of frames (N, 3, H, W)."""
        features: Tensor = self.vision(standardised(frames))  # type: ignore[operator]
        return features

    def heard(self, spectrograms: Tensor) -> Tensor:
        """Return the features (N, F, T / 16, 4) of spectrograms (N, T, 64)."""
        features: Tensor = self.audio(spectrograms.unsqueeze(1))  # type: ignore[operator]
        return features

    def forward(self, frames: Tensor, spectrograms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what maps are made of, float32.

        Args:
            frames: (N, H, W, 3) uint8.
            spectrograms: (N, T, 64).

        Returns:
            What places are compared by (N, E, h, w), what is heard of each class (N, K, E), and the classes'
            probabilities (N, K).
        """
        heard = self.heard(spectrograms)
        return (
            self.places(self.vision(pictures(frames))),  # type: ignore[operator]
            self.by_class(heard, self.class_a, self.project_a),
            self.classes_of(heard, self.class_a).float().sigmoid(),
        )

    def belong(self, heard: Tensor, seen: Tensor) -> Tensor:
        """Return how well every sound (rows) and every frame (columns) belong together, from mean features (N, F).

        Returns:
            (N, N, 2) logits: they do not, and they do.
        """
        return of_pairs(self.avc, heard, seen)

    def classes_of(self, features: Tensor, head: nn.Conv2d) -> Tensor:
        """Return the logits (N, K) of the classes of features (N, F, h, w), or of their mean (N, F)."""
        mean = features if features.ndim == 2 else features.mean(dim=(2, 3))
        return F.linear(mean, head.weight.flatten(1))

    def by_class(self, features: Tensor, head: nn.Conv2d, project: nn.Sequential) -> Tensor:
        """Return what there is of each class, (N, K, E) of length 1: the mean over places, weighted by its activation.

        The weights take part in no gradient. Where a class is active nowhere, it is 0.
        """
        with torch.no_grad():
            active = F.relu(head(features)).flatten(2)
            weights = active / (active.sum(dim=2, keepdim=True) + TINY)
        found: Tensor = project(torch.einsum("nfp,nkp->nfk", features.flatten(2), weights.to(features.dtype)))
        return F.normalize(found.float(), dim=1).transpose(1, 2)

    def places(self, features: Tensor) -> Tensor:
        """Return what places of a frame are compared by, (N, E, h, w) of length 1, of features (N, F, h, w)."""
        found: Tensor = self.project_v(features.flatten(2))
        return F.normalize(found.float(), dim=1).reshape(features.shape[0], -1, *features.shape[2:])


def of_pairs(head: nn.Sequential, heard: Tensor, seen: Tensor) -> Tensor:
    """Return what a head says of every sound (rows) and every frame (columns), (N, M, C).

    Args:
        head: of a sound's features and a frame's, one after the other; its first layer is linear.
        heard: (N, F).
        seen: (M, F).
    """
    first: nn.Linear = head[0]  # type: ignore[assignment]
    of_sound, of_frame = first.weight.chunk(2, dim=1)
    # the first layer of a pair is the sum of what it makes of either
    pairs = F.linear(heard, of_sound, first.bias)[:, None] + F.linear(seen, of_frame)[None]
    logits: Tensor = head[1:](pairs)
    return logits
