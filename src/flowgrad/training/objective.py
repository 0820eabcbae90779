"""What a training needs of a model: its networks, what they make of a sample, and the loss. A model's own lies beside
its network.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

INITIAL_TEMPERATURE = 0.07


@dataclass(frozen=True)
class Start:
    """Where a training starts.

    Attributes:
        kind: ``random``, ``imagenet``, or the model whose checkpoint ``file`` is.
        file: None for ``random``.
        width: channels of the encoders' first stage.
    """

    kind: str
    file: Path | None
    width: int


@dataclass(frozen=True)
class Samples:
    """A batch of N samples.

    Attributes:
        frame: (N, 3, 224, 224) float in [0, 1].
        flow: (N, 1, 224, 224) float, its magnitude in native pixels per 1/8 s.
        audio: (N, 80000) float in [-1, 1], 5 s at 16 kHz centred on the frame.
    """

    frame: Tensor
    flow: Tensor
    audio: Tensor


class Objective(nn.Module, ABC):
    """What a model learns. Its parameters and buffers have the names of the published checkpoint."""

    name: str

    @abstractmethod
    def embeddings(self, samples: Samples) -> dict[str, Tensor]:
        """Return what each network makes of N samples, (N, C) each.

        With several GPUs, those of the whole batch are gathered before :meth:`loss` compares them.
        """

    @abstractmethod
    def loss(self, found: Mapping[str, Tensor]) -> Tensor:
        """Return the loss, a scalar, of the embeddings of a batch."""

    @abstractmethod
    def chance(self, size: int) -> float:
        """Return the loss of networks that tell nothing apart, for ``size`` samples."""

    @abstractmethod
    def logits(self, found: Mapping[str, Tensor]) -> Tensor:
        """Return how well each frame (rows) fits each sound (columns), (N, N)."""

    def content(self, state: Mapping[str, Tensor], epoch: int) -> dict[str, Any]:
        """Return what the checkpoint file holds, given the tensors of the epoch (from 1) that is kept."""
        return dict(state)


class InfoNCE(nn.Module):
    """Symmetric InfoNCE: each row of one side must find its own row on the other side, and the other way round."""

    def __init__(self) -> None:
        super().__init__()
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / INITIAL_TEMPERATURE)))

    def logits(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the scaled cosine similarities (N, N) of embeddings (N, C)."""
        # in bfloat16 logits near 10 would come in steps of 0.06
        with torch.autocast(first.device.type, enabled=False):
            first, second = F.normalize(first.float(), dim=1), F.normalize(second.float(), dim=1)
            return self.logit_scale.exp() * first @ second.T

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the loss, a scalar, of embeddings (N, C)."""
        logits = self.logits(first, second)
        own = torch.arange(len(logits), device=logits.device)
        return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
