"""What Coarse to Fine learns, in two stages (Qian et al., ECCV 2020, section 3; the simplified released code).

Stage 1, coarse: which of seven classes there are in a sound and in a picture (from pseudo labels), and whether a sound
and a picture belong together. Stage 2, fine: what is heard of a class is near what is seen of it in the same clip, and
away from all else. A training starts with stage 1, and goes on with stage 2 where it starts from a checkpoint of its
own.

Different from the released code: pairs are told apart by the same loss, but the square root of a distance has a finite
gradient at 0; where a batch has no pair of a kind, that kind adds nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flowgrad.errors import InputError
from flowgrad.models.checkpoints import load_state, read_state, shapes
from flowgrad.models.coarse_to_fine.layout import COARSE, LAYOUT, Sizes, sizes
from flowgrad.models.coarse_to_fine.network import CoarseToFineNetwork
from flowgrad.models.coarse_to_fine.spectrogram import log_mel
from flowgrad.models.resnet import imagenet_encoder
from flowgrad.training.labels import KINDS
from flowgrad.training.objective import Objective, Samples, Start, quarters, tiled

PRESENT = 0.3
"""A class takes part in the alignment where sound and picture both say that it is likelier than this."""
MARGIN = 1.4
"""Pairs that do not belong together are left alone beyond this distance; unit vectors at right angles have 1.41."""
CLOSEST = 1e-6
"""Squared distances below this count as this: float32 cannot tell them from 0, where the root has no gradient."""


def classification(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean binary cross-entropy of logits (N, K) under soft labels (N, K) in 0..1."""
    return F.binary_cross_entropy_with_logits(logits.float(), labels.float())


def correspondence(logits: Tensor, counts: Tensor | None = None) -> Tensor:
    """Return the cross-entropy of all pairs of sound and picture; those that belong together count half in all.

    Args:
        logits: (N, N, 2) that sound (rows) and picture (columns) do not, and do, belong together: the diagonal does.
        counts: (N,) bool, whose sounds count; None for all.
    """
    own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    loss = F.cross_entropy(logits.float().flatten(0, 1), own.long().flatten(), reduction="none").reshape(own.shape)
    rows = torch.ones_like(own) if counts is None else counts[:, None].expand_as(own)
    return (mean_of(loss, own & rows) + mean_of(loss, ~own & rows)) / 2


def alignment(heard: Tensor, seen: Tensor, in_sound: Tensor, in_picture: Tensor) -> Tensor:
    """Return how far what is heard and what is seen of a class are apart, and how near all other pairs are.

    With the squared distance ``d = 2 - 2 cos`` it is the mean ``d`` of pairs of one clip and class, and the mean
    ``relu(1.4 - sqrt(d)) ** 2`` of all others, over pairs whose classes are likelier than 0.3 on their side.

    Args:
        heard: (N, K, E) of length 1.
        seen: (N, K, E) of length 1.
        in_sound: (N, K) probabilities of the classes of the sound.
        in_picture: (N, K) likewise, of the picture.
    """
    first, second = heard.float().flatten(0, 1), seen.float().flatten(0, 1)
    distance = (2 - 2 * first @ second.T).clamp(min=CLOSEST)
    counts = (in_sound.flatten()[:, None] > PRESENT) & (in_picture.flatten()[None] > PRESENT)
    own = torch.eye(len(first), dtype=torch.bool, device=first.device)
    pushed = F.relu(MARGIN - distance.sqrt()).square()
    return mean_of(distance, counts & own) + mean_of(pushed, counts & ~own)


def mean_of(values: Tensor, where: Tensor) -> Tensor:
    """Return the mean of the values at some places; 0 where there are none."""
    return (values * where).sum() / where.sum().clamp(min=1)


class CoarseToFine(CoarseToFineNetwork, Objective):
    """Frame and sound, by classes. It reads ``labels["audio"]`` and ``labels["frame"]`` (N, 7) of its samples.

    Args:
        size: of the network.
        stage: 1 or 2.
        new: names of the encoders that have seen nothing yet.
    """

    name = "coarse-to-fine"
    takes = frozenset({"mosaics"})

    def __init__(self, size: Sizes, stage: int, new: tuple[str, ...] = ()):
        super().__init__(size)
        self.stage, self._new = stage, new
        # several processes must agree on what gets a gradient
        for projection in (self.project_a, self.project_v):
            projection.requires_grad_(stage == 2)

    @classmethod
    def started(cls, start: Start) -> CoarseToFine:
        """Return stage 2 at its start: from a checkpoint of either stage.

        Raises ``InputError`` where there is none, or naming the file where it does not fit.
        """
        return cls._from_own(start, 2)

    @classmethod
    def coarse(cls, start: Start) -> CoarseToFine:
        """Return stage 1 at its start: at random, from ImageNet, or from a checkpoint of its own.

        Raises ``InputError`` naming the file where it does not fit.
        """
        if start.file is None:
            return cls(Sizes.of_width(start.width), 1, ("vision", "audio"))
        if start.kind == "imagenet":
            objective = cls(Sizes.of_width(start.width), 1, ("audio",))
            key = f"training.init.{cls.name}"
            vision: nn.Module = objective.vision  # type: ignore[assignment]
            vision.load_state_dict(imagenet_encoder(start.file, start.width, key))
            return objective
        return cls._from_own(start, 1)

    @classmethod
    def _from_own(cls, start: Start, stage: int) -> CoarseToFine:
        if start.file is None or start.kind == "imagenet":
            raise InputError(f"training.init.{cls.name}: expected a checkpoint of its first stage, got {start.kind}")
        try:
            whole = "project_a.0.weight" in read_state(start.file)
            state = load_state(start.file, LAYOUT if whole else COARSE)
            size = sizes(shapes(state))
            check_width(size.width, start.width)
            objective = cls(size, stage)
            objective.load_state_dict(objective.state_dict() | state)
            return objective
        except InputError as error:
            raise InputError(f"training.init.{cls.name}: {start.file}: {error}") from error

    def new_branches(self) -> list[nn.Module]:
        """Return the encoders that have never seen anything."""
        return [getattr(self, name) for name in self._new]

    def embeddings(self, samples: Samples) -> dict[str, Tensor]:
        """Return the mean features of sounds and pictures (N, F) and their labels (N, 7).

        In stage 2 also what is heard and seen of each class (N, 7, E). Raises ``InputError`` where there are no labels.
        """
        labels = labels_of(samples, self.name)
        seen = self.seen(tiled(samples.frame) if samples.mosaics else samples.frame)
        seen = quarters(seen) if samples.mosaics else seen
        heard = self.heard(log_mel(samples.audio))
        found = {"heard": heard.mean(dim=(2, 3)), "seen": seen.mean(dim=(2, 3))}
        found |= {f"{kind}_labels": labels[kind].to(seen.device) for kind in KINDS}
        if self.stage == 2:
            found["heard_by_class"] = self.by_class(heard, self.class_a, self.project_a)
            found["seen_by_class"] = self.by_class(seen, self.class_v, self.project_v)
        return found

    def loss(self, found: Mapping[str, Tensor]) -> Tensor:
        """Return the sum of the losses of the stage."""
        classes_heard = self.classes_of(found["heard"], self.class_a)
        classes_seen = self.classes_of(found["seen"], self.class_v)
        loss = classification(classes_heard, found["audio_labels"])
        loss = loss + classification(classes_seen, found["frame_labels"])
        loss = loss + correspondence(self.belong(found["heard"], found["seen"]))
        if self.stage == 1:
            return loss
        present = [logits.detach().float().sigmoid() for logits in (classes_heard, classes_seen)]
        return loss + alignment(found["heard_by_class"], found["seen_by_class"], *present)

    def chance(self, size: int) -> float:
        """Return the loss where every probability is a half and, in stage 2, everything is equally far apart.

        Then one distance does best for what belongs together and what does not: half of the margin.
        """
        return 3 * math.log(2) + (MARGIN**2 / 2 if self.stage == 2 else 0.0)

    def logits(self, found: Mapping[str, Tensor]) -> Tensor:
        """Return by how much each frame (rows) rather belongs to each sound (columns) than not, (N, N)."""
        no, yes = self.belong(found["heard"], found["seen"]).float().unbind(dim=2)
        return (yes - no).T

    def content(self, state: Mapping[str, Tensor], epoch: int) -> dict[str, Any]:
        """Return the tensors; after stage 1 without the projections, which have learnt nothing and make no maps."""
        return {key: value for key, value in state.items() if self.stage == 2 or not key.startswith("project_")}


def check_width(found: int, wanted: int) -> None:
    """Raise ``InputError`` where a start has another width than the training."""
    if found != wanted:
        raise InputError(f"has width {found}, and training.width is {wanted}; use another start, or random")


def labels_of(samples: Samples, name: str) -> Mapping[str, Tensor]:
    """Return the labels of samples, by kind; raises ``InputError`` naming the model where a kind is missing."""
    missing = [kind for kind in KINDS if kind not in samples.labels]
    if missing:
        raise InputError(f"{name} learns from labels, and the samples have none of {' and '.join(missing)}")
    return samples.labels
