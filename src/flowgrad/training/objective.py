"""What a training needs of a model: its networks, what they make of a sample, and the loss. A model's own lies beside
its network.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flowgrad.models.base import TrainingPreset

INITIAL_TEMPERATURE = 0.07
BEST_SHARE = 0.04
"""Share of the places of a picture that ``best-places`` compares: 8 of 14x14."""
MOSAIC = 4
"""Frames of a mosaic, two by two."""
Compare = Literal["means", "best-places"]
"""What of a picture is compared with a sound: the mean over its places, or the places that fit best."""


@dataclass(frozen=True)
class Start:
    """Where a training starts.

    Attributes:
        kind: ``random``, ``imagenet``, or the model whose checkpoint ``file`` is.
        file: None for ``random``.
        width: channels of the encoders' first stage.
        compare: what of a picture is compared with a sound.
        preset: ``paper``; or ``released``, with those faults of the released training code that are arithmetic
            (docs/training.md names them).
    """

    kind: str
    file: Path | None
    width: int
    compare: Compare = "means"
    preset: TrainingPreset = "paper"


@dataclass(frozen=True)
class Samples:
    """A batch of N samples.

    Attributes:
        frame: (N, 3, S, S) float in [0, 1].
        flow: (N, 1, 224, 224) float, its magnitude in native pixels per 1/8 s; or (N, 2, 224, 224), its components
            right and down, per 1/8 s or per second (:attr:`Objective.flow_per_second`); None where the model learns
            from none.
        audio: (N, samples) float in [-1, 1], centred on the frame.
        labels: by kind, ``audio`` and ``frame``, (N, classes) float in [0, 1]; empty where the model learns from none.
        mosaics: the encoders are shown four frames in one picture, two by two; N is a multiple of four.
    """

    frame: Tensor
    flow: Tensor | None
    audio: Tensor
    labels: Mapping[str, Tensor] = field(default_factory=dict)
    mosaics: bool = False


class Objective(nn.Module, ABC):
    """What a model learns. Its parameters and buffers have the names of the published checkpoint."""

    name: str
    takes: frozenset[str] = frozenset()
    """Which of ``mosaics`` and ``compare`` of the settings it knows; others are refused."""
    flow_per_second: bool = False
    """Whether it is shown flow in pixels per second, instead of those that pass in 1/8 s, as samples keep it."""
    turns_flow: bool = True
    """Whether flow that is mirrored with its frame goes the other way then, as what is seen does."""
    shuffles: bool = True
    """Whether every epoch draws its batches anew; else they are the same in each, in the order of the names."""

    def new_branches(self) -> list[nn.Module]:
        """Return the parts whose BatchNorm statistics are of nothing, or of something else than what they see."""
        return []

    def measured_parts(self) -> list[nn.Module]:
        """Return the parts whose BatchNorm statistics are measured before every held-out loss: all but frozen ones."""
        return [self]

    def measure(self, samples: Iterable[Samples]) -> None:
        """Take from some samples what an input is standardised by; called once, before the training."""

    def conclude(self, samples: Iterable[Samples]) -> None:
        """Take from some samples what maps need besides weights; called once, with the weights that are kept."""

    @abstractmethod
    def embeddings(self, samples: Samples) -> dict[str, Tensor]:
        """Return what each network makes of N samples, (N, C) each, or (N, C, h, w) where places are compared.

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


def tiled(x: Tensor) -> Tensor:
    """Return (N, C, H, W) as mosaics (N / 4, C, H, W): four that follow each other, each at half its size."""
    count, channels, height, width = x.shape
    small = F.avg_pool2d(x, 2).reshape(count // MOSAIC, 2, 2, channels, height // 2, width // 2)
    return small.permute(0, 3, 1, 4, 2, 5).reshape(count // MOSAIC, channels, height, width)


def quarters(x: Tensor) -> Tensor:
    """Return the parts (N, C, h / 2, w / 2) of what was made of mosaics (N / 4, C, h, w): :func:`tiled` undone."""
    count, channels, height, width = x.shape
    parts = x.reshape(count, channels, 2, height // 2, 2, width // 2).permute(0, 2, 4, 1, 3, 5)
    return parts.reshape(count * MOSAIC, channels, height // 2, width // 2)


class InfoNCE(nn.Module):
    """Symmetric InfoNCE: each row of one side must find its own row on the other side, and the other way round."""

    def __init__(self) -> None:
        super().__init__()
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / INITIAL_TEMPERATURE)))

    def logits(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the scaled similarities (N, N) of embeddings (N, C): cosines.

        With places, (N, C, h, w) on one side or both, it is the mean cosine over the places that fit best
        (``BEST_SHARE``); where both have places, each is compared with the same place of the other.
        """
        # in bfloat16 logits near 10 would come in steps of 0.06
        with torch.autocast(first.device.type, enabled=False):
            first, second = F.normalize(first.float(), dim=1), F.normalize(second.float(), dim=1)
            if first.ndim == 2 and second.ndim == 2:
                return self.logit_scale.exp() * first @ second.T
            if first.ndim == 4 and second.ndim == 4:
                cosines = torch.einsum("nchw,mchw->nmhw", first, second)
            elif first.ndim == 4:
                cosines = torch.einsum("nchw,mc->nmhw", first, second)
            else:
                cosines = torch.einsum("nc,mchw->nmhw", first, second)
            places = cosines.flatten(2)
            best = places.topk(max(1, round(BEST_SHARE * places.shape[2])), dim=2).values
            return self.logit_scale.exp() * best.mean(dim=2)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the loss, a scalar, of embeddings (N, C), or (N, C, h, w)."""
        logits = self.logits(first, second)
        own = torch.arange(len(logits), device=logits.device)
        return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
