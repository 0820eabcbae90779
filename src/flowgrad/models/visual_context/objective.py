"""What visual context semantics learns: which sound belongs to a frame, and which parts of the frame it concerns.

Three losses (paper, section 3): localization, where a frame picks its own sound by its best place; discrimination,
where the nodes that fit the sound best are told from those that fit worst; diversity, which draws the heatmaps of the
former and the localization map together. The sizes of both shares are those of the released code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flowgrad.models.resnet import imagenet_encoder, standardised
from flowgrad.models.spectrogram import log_spectrogram
from flowgrad.models.visual_context.network import VisualContextNetwork
from flowgrad.models.visual_context.presets import SAMPLE_RATE
from flowgrad.training.objective import Objective, Samples, Start

SHARE = 0.1
"""Of discrimination and diversity beside localization."""


class VisualContext(VisualContextNetwork, Objective):
    """Frame against sound, and nodes of the frame against each other."""

    name = "visual-context"
    knows_frames = False
    """Whether its image encoder has seen frames before."""

    @classmethod
    def started(cls, start: Start) -> VisualContext:
        """Return the objective at its start: random, as published, or the image encoder from ImageNet.

        Raises ``InputError`` naming the file where it does not fit.
        """
        learnt = cls(start.width)
        learnt.knows_frames = start.file is not None
        if start.file is not None:
            learnt.imgnet.load_state_dict(imagenet_encoder(start.file, start.width, f"training.init.{cls.name}"))
        return learnt

    def new_branches(self) -> list[nn.Module]:
        """Return what has seen nothing yet."""
        return [self.audnet] if self.knows_frames else [self.imgnet, self.audnet]

    def embeddings(self, samples: Samples) -> dict[str, Tensor]:
        """Return what the network makes of the samples, by the names of ``Embedded``."""
        heard = log_spectrogram(samples.audio.clamp(-1, 1).cpu().numpy(), SAMPLE_RATE)[:, None]
        spectrograms = torch.from_numpy(np.ascontiguousarray(heard)).to(samples.frame)
        return self.embed(standardised(samples.frame), spectrograms)._asdict()

    def loss(self, found: Mapping[str, Tensor]) -> Tensor:
        """Return the sum of the three losses."""
        # softmax of many places: bfloat16 has too few digits
        with torch.autocast(found["audio"].device.type, enabled=False):
            visual, audio, heatmaps, nodes = (found[name].float() for name in ("visual", "audio", "heatmaps", "nodes"))
            map_ = own_map(visual, audio, self.scale)
            order = node_order(nodes, audio)
            located = localization_loss(visual, audio, self.scale)
            return located + SHARE * (discrimination_loss(nodes, audio) + diversity_loss(heatmaps, map_, order))

    def chance(self, size: int) -> float:
        """Return what the loss is where all that is compared is equal."""
        return math.log(size) + SHARE * math.log(2)

    def logits(self, found: Mapping[str, Tensor]) -> Tensor:
        """Return how well each frame fits each sound: at its best place."""
        return best_places(found["visual"].float(), found["audio"].float(), self.scale)

    def content(self, state: Mapping[str, Tensor], epoch: int) -> dict[str, Any]:
        """Return the layout that the released training code writes."""
        return {"model_state_dict": {f"module.{key}": value for key, value in state.items()}, "epoch": epoch}


def best_places(visual: Tensor, audio: Tensor, scale: Tensor | float = 1.0) -> Tensor:
    """Return the greatest scaled cosine of each frame's places (N, C, h, w) and each sound (M, C): (N, M)."""
    return (scale * torch.einsum("nchw,mc->nmhw", visual, audio)).amax(dim=(2, 3))


def own_map(visual: Tensor, audio: Tensor, scale: Tensor | float = 1.0) -> Tensor:
    """Return the scaled cosine of each frame's places (N, C, h, w) and its own sound (N, C): (N, h, w)."""
    return scale * torch.einsum("nchw,nc->nhw", visual, audio)


def localization_loss(visual: Tensor, audio: Tensor, scale: Tensor | float = 1.0) -> Tensor:
    """Return the loss, a scalar: each frame's own sound among all, by its best place.

    Args:
        visual: (N, C, h, w), of length 1 over C.
        audio: (N, C), of length 1.
        scale: of the cosines, learnt.
    """
    logits = best_places(visual, audio, scale)
    return F.cross_entropy(logits, torch.arange(len(logits), device=logits.device))


def node_order(nodes: Tensor, audio: Tensor) -> Tensor:
    """Return the numbers of the nodes (N, K, C), from that whose features fit the sound (N, C) best: (N, K)."""
    return _fit(nodes, audio).argsort(dim=1, descending=True)


def discrimination_loss(nodes: Tensor, audio: Tensor) -> Tensor:
    """Return the loss, a scalar: the half of the nodes that fits the sound best against the other half.

    Args:
        nodes: (N, K, C) features of the nodes; K is even.
        audio: (N, C), of length 1.
    """
    best, worst = _fit(nodes, audio).sort(dim=1, descending=True).values.chunk(2, dim=1)
    logits = torch.stack((best.mean(dim=1), worst.mean(dim=1)), dim=1)
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))


def diversity_loss(heatmaps: Tensor, maps: Tensor, order: Tensor) -> Tensor:
    """Return the Jensen-Shannon divergence, a scalar, between the best nodes' mean heatmap and the localization map.

    Args:
        heatmaps: (N, K, h, w) of the nodes.
        maps: (N, h, w), localization maps.
        order: (N, K) numbers of the nodes; the first half counts.
    """
    best = order[:, : order.shape[1] // 2]
    chosen = heatmaps.gather(1, best[:, :, None, None].expand(-1, -1, *heatmaps.shape[2:]))
    one, other = (F.log_softmax(of.flatten(1), dim=1) for of in (chosen.mean(dim=1), maps))
    middle = torch.logaddexp(one, other) - math.log(2)
    return sum(F.kl_div(middle, of, reduction="batchmean", log_target=True) for of in (one, other)) / 2  # type: ignore[return-value]


def _fit(nodes: Tensor, audio: Tensor) -> Tensor:
    return torch.einsum("nkc,nc->nk", F.normalize(nodes, dim=2), audio)
