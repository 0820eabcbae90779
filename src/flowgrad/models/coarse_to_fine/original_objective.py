"""What the original Coarse to Fine learns, in two stages (Qian et al., ECCV 2020, section 3; the released ``main.py``).

Stage 1, coarse: which classes there are in a sound, in a picture and in its regions (from pseudo labels), and whether a
sound and a picture belong together. Stage 2, fine: what is heard of a class is near what is seen of it in the same
clip, and away from what is seen in other clips.

Different from the published training:

- **Proposals and what they show**: a Faster R-CNN gave eight boxes of a frame, and a ResNet-18 that knows ImageNet
  (``prior_v``) said what each shows. Here the eight regions are a grid. A region shows that class of its frame which is
  most active in it.
- **Prior networks**: pseudo labels came from ``prior_a`` and ``prior_v`` in every step. Here they are given, in a
  table, for the whole clip. Whether a pair counts is said by the labels of its sound, as there by those over time.
- **Start of the tagger**: MobileCRNN-v2 as trained on AudioSet. Here it starts at random.
- **Pairs that do not belong together**: one drawn frame of another clip, and a class of it that is drawn. Here it is
  the mean over all of them. The code takes ``int(probability * frames)`` such classes, which is none with one frame.
- **BatchNorm**: encoders kept the statistics that they came with. Here only frozen layers do.
- **BCE of sounds** is divided by the number of classes in both stages; the code forgets it in the first, and so does
  preset ``released``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flowgrad.errors import InputError
from flowgrad.models.base import TrainingPreset
from flowgrad.models.checkpoints import load_state, read_state, shapes
from flowgrad.models.coarse_to_fine.network import of_pairs
from flowgrad.models.coarse_to_fine.objective import (
    check_width,
    classification,
    correspondence,
    labels_of,
    mean_of,
)
from flowgrad.models.coarse_to_fine.original_layout import COARSE, FINE, TRAINED, Sizes, sizes
from flowgrad.models.coarse_to_fine.original_network import OriginalNetwork
from flowgrad.models.coarse_to_fine.regions import REGIONS, cut_out, region_labels
from flowgrad.models.coarse_to_fine.spectrogram import log_mel
from flowgrad.models.layout import GROWTH
from flowgrad.models.resnet import Encoder, imagenet_encoder, standardised
from flowgrad.training.labels import KINDS
from flowgrad.training.objective import Objective, Samples, Start

PRESENT = 0.3
"""A class is there where it is likelier than this: in a sound, a picture, or its labels."""
CERTAIN = 0.6
"""Pairs count whose sound has a class that is as likely as this; where none has, those of the likeliest."""
MARGIN = 2.0
"""Of mean squared differences; of embeddings that say nothing, each of deviation 1, they are 2."""
SEEN = 0.1
"""A class is seen in a place as far as its activation is above this."""
TINY = 1e-10
FIRST_OF_FRAMES = ("visual.conv1", "visual.bn1", "visual.layer1")
FIRST_OF_SOUNDS = "audio.features.0"
"""Layers that stay as they are where they come from a trained network."""


def class_of_sounds(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return the mean binary cross-entropy of probabilities (N, K) under soft labels (N, K), all in 0..1."""
    return F.binary_cross_entropy(probabilities.float(), labels.float())


def class_of_regions(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of logits (..., K) over the regions that have a class; 0 where none has.

    Args:
        logits: of the classes.
        labels: (..., K), 1 for the class of a region; all 0 where it has none.
    """
    loss = -(labels * F.log_softmax(logits.float(), dim=-1)).sum(dim=-1)
    return mean_of(loss, labels.sum(dim=-1))


def certain(labels: Tensor) -> Tensor:
    """Return whose sounds (N,) are certain, of their labels (N, K): as likely as 0.6, or as the likeliest of all."""
    likeliest = labels.amax(dim=1)
    return likeliest >= likeliest.max().clamp(max=CERTAIN)


def alignment(heard: Tensor, seen: Tensor, in_sound: Tensor, in_picture: Tensor) -> Tensor:
    """Return how far what is heard and what is seen of a class are apart, and how near other clips are.

    With the mean squared difference ``d`` it is the mean ``d`` of a clip's sound and picture of a class that is
    likelier than 0.3 in both, and the mean ``relu(2 - d)`` of each class that is likelier than 0.3 in a sound and every
    class of the pictures of other clips.

    Args:
        heard: (N, K, E).
        seen: (N, K, E).
        in_sound: (N, K) probabilities of the classes of the sound.
        in_picture: (N, K) likewise, of the picture.
    """
    heard, seen = heard.float(), seen.float()
    is_heard = in_sound > PRESENT
    pulled = (heard - seen).square().mean(dim=2)
    first, second = heard.flatten(0, 1), seen.flatten(0, 1)
    sums = first.square().sum(dim=1)[:, None] + second.square().sum(dim=1)[None]
    apart = (sums - 2 * first @ second.T) / first.shape[1]
    clip = torch.arange(len(heard), device=heard.device).repeat_interleave(heard.shape[1])
    others = is_heard.flatten()[:, None] & (clip[:, None] != clip[None])
    return mean_of(pulled, is_heard & (in_picture > PRESENT)) + mean_of(F.relu(MARGIN - apart), others)


class CoarseToFineOriginal(OriginalNetwork, Objective):
    """Frame and sound, by classes. It reads ``labels["audio"]`` and ``labels["frame"]`` (N, K) of its samples.

    Args:
        size: of the network.
        stage: 1 or 2.
        frozen: stay as they are, BatchNorm statistics included; names of modules. Published: the first layers of both
            encoders, which came from trained networks.
        new: names of the modules that have seen nothing yet.
    """

    name = "coarse-to-fine-original"
    preset: TrainingPreset = "paper"

    def __init__(self, size: Sizes, stage: int, frozen: tuple[str, ...] = (), new: tuple[str, ...] = ()):
        super().__init__(size)
        features = GROWTH[-1] * size.width
        self.visual.layer4 = Encoder(3, width=size.width).layer4
        self.visual.fc = nn.Linear(features, size.classes)
        self.discrim["discrim"] = nn.Sequential(
            nn.Linear(2 * features, size.embedding), nn.ReLU(), nn.Linear(size.embedding, 2)
        )
        self.stage, self._classes, self._new = stage, size.classes, new
        self._frozen = frozen
        for module in self._parts(frozen):
            module.requires_grad_(False)
        # several processes must agree on what gets a gradient
        for side in "av":
            self.discrim[f"transform_{side}"].requires_grad_(stage == 2)
        self.train()

    def _parts(self, names: tuple[str, ...]) -> list[nn.Module]:
        return [self.get_submodule(name) for name in names]

    @classmethod
    def started(cls, start: Start) -> CoarseToFineOriginal:
        """Return stage 2 at its start: from a checkpoint of either stage, of a training here or of the released code.

        Raises ``InputError`` where there is none, or naming the file where it does not fit.
        """
        return cls._from_own(start, 2)

    @classmethod
    def coarse(cls, start: Start) -> CoarseToFineOriginal:
        """Return stage 1 at its start: at random, from ImageNet, or from a checkpoint of its own.

        Raises ``InputError`` naming the file where it does not fit.
        """
        objective = cls._coarse(start)
        objective.preset = start.preset
        return objective

    @classmethod
    def _coarse(cls, start: Start) -> CoarseToFineOriginal:
        size = Sizes.of_width(start.width)
        if start.file is None:
            return cls(size, 1, new=("visual", "audio", "discrim"))
        if start.kind == "imagenet":
            objective = cls(size, 1, FIRST_OF_FRAMES, ("audio", "discrim.temp_conv"))
            state = imagenet_encoder(start.file, start.width, f"training.init.{cls.name}")
            objective.visual.load_state_dict(state, strict=False)
            objective.discrim["spa_conv"].load_state_dict(objective.visual.layer4.state_dict())
            return objective
        return cls._from_own(start, 1)

    @classmethod
    def _from_own(cls, start: Start, stage: int) -> CoarseToFineOriginal:
        if start.file is None or start.kind == "imagenet":
            raise InputError(f"training.init.{cls.name}: expected a checkpoint of its first stage, got {start.kind}")
        try:
            whole = any(key.startswith(FINE) for key in read_state(start.file))
            state = load_state(start.file, TRAINED if whole else COARSE)
            size = sizes(shapes(state))
            check_width(size.width, start.width)
            compared = () if whole else ("discrim.transform_a", "discrim.transform_v")
            objective = cls(size, stage, (*FIRST_OF_FRAMES, FIRST_OF_SOUNDS), compared if stage == 2 else ())
            objective.load_state_dict(objective.state_dict() | state)
            return objective
        except InputError as error:
            raise InputError(f"training.init.{cls.name}: {start.file}: {error}") from error

    def train(self, mode: bool = True) -> CoarseToFineOriginal:
        """Set the mode of all that is not frozen."""
        super().train(mode)
        for module in self._parts(self._frozen):
            module.eval()
        # cuDNN gives gradients of a recurrence in training mode alone; without dropout it computes the same
        self.audio.gru.train()
        return self

    def new_branches(self) -> list[nn.Module]:
        """Return what has never seen or heard anything."""
        return self._parts(self._new)

    def measured_parts(self) -> list[nn.Module]:
        """Return the BatchNorms that are not frozen."""
        still = {module for part in self._parts(self._frozen) for module in part.modules()}
        return [
            module
            for module in self.modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and module not in still
        ]

    def embeddings(self, samples: Samples) -> dict[str, Tensor]:
        """Return of N samples by what losses are computed.

        - ``heard``, ``seen`` (N, F): the strongest features of sound and picture.
        - ``in_sound`` (N, K): probabilities; ``in_picture`` (N, K) and ``in_regions`` (N, 8, K): logits.
        - ``audio_labels``, ``frame_labels`` (N, K), ``region_labels`` (N, 8, K).
        - in stage 2 ``heard_by_class`` and ``seen_by_class`` (N, K, E).

        Raises ``InputError`` where there are no labels.
        """
        labels = labels_of(samples, self.name)
        found = {f"{kind}_labels": labels[kind].to(samples.frame.device) for kind in KINDS}
        return found | self._seen(samples.frame, found["frame_labels"]) | self._heard(samples.audio)

    def _seen(self, frames: Tensor, labels: Tensor) -> dict[str, Tensor]:
        of_class: nn.Linear = self.visual.fc  # type: ignore[assignment]
        below = self.visual.below(standardised(frames))
        features, places = self.visual.layer4(below), self.discrim["spa_conv"](below)
        regions = self.visual.layer4(cut_out(below)).amax(dim=(2, 3))
        with torch.no_grad():
            activations = torch.einsum("kf,nfhw->nkhw", of_class.weight, features).float()
        found = {
            "seen": places.amax(dim=(2, 3)),
            "in_picture": of_class(features.mean(dim=(2, 3))),
            "in_regions": of_class(regions).reshape(len(frames), REGIONS, -1),
            "region_labels": region_labels(activations, labels, PRESENT),
        }
        if self.stage == 2:
            found["seen_by_class"] = self._seen_by_class(places, activations)
        return found

    def _seen_by_class(self, places: Tensor, activations: Tensor) -> Tensor:
        """Return (N, K, E): the mean over places, weighted by what activation is above 0.1; from 0 where none is."""
        weights = F.relu(activations - SEEN).flatten(2)
        weights = weights / (weights.sum(dim=2, keepdim=True) + TINY)
        means = torch.einsum("nfp,nkp->nkf", places.flatten(2), weights.to(places.dtype))
        found: Tensor = self.discrim["transform_v"](means.flatten(0, 1))
        return found.reshape(*means.shape[:2], -1)

    def _heard(self, audio: Tensor) -> dict[str, Tensor]:
        # in bfloat16 probabilities near 1 are 1
        with torch.autocast(audio.device.type, enabled=False):
            features = self.audio.features(log_mel(audio)[:, None])
            found = {"in_sound": self.audio.tags(features)}
            found["heard"] = self.discrim["temp_conv"](features).amax(dim=(2, 3))
            if self.stage == 2:
                _, cells = self.cells(features)
                found["heard_by_class"] = self.by_class(features, cells)
        return found

    def loss(self, found: Mapping[str, Tensor]) -> Tensor:
        """Return the sum of the losses of the stage."""
        pairs = self._belong(found)
        # bfloat16 rounds differences away; and torch refuses it for cross-entropy of probabilities
        with torch.autocast(pairs.device.type, enabled=False):
            loss = class_of_sounds(found["in_sound"], found["audio_labels"]) * self._weight_of_sounds
            loss = loss + classification(found["in_picture"], found["frame_labels"])
            loss = loss + class_of_regions(found["in_regions"], found["region_labels"])
            loss = loss + correspondence(pairs, certain(found["audio_labels"]))
            if self.stage == 1:
                return loss
            present = found["in_sound"].detach(), found["in_picture"].detach().float().sigmoid()
            return loss + alignment(found["heard_by_class"], found["seen_by_class"], *present)

    @property
    def _weight_of_sounds(self) -> int:
        return self._classes if self.stage == 1 and self.preset == "released" else 1

    def _belong(self, found: Mapping[str, Tensor]) -> Tensor:
        return of_pairs(self.discrim["discrim"], found["heard"], found["seen"])  # type: ignore[arg-type]

    def chance(self, size: int) -> float:
        """Return the loss where every class is as likely as every other or not, and all is equally far apart.

        In stage 2 what is equally far apart costs 2, however far that is within the margin.
        """
        halves = (2 + self._weight_of_sounds) * math.log(2)
        return halves + math.log(self._classes) + (MARGIN if self.stage == 2 else 0.0)

    def logits(self, found: Mapping[str, Tensor]) -> Tensor:
        """Return by how much each frame (rows) rather belongs to each sound (columns) than not, (N, N)."""
        no, yes = self._belong(found).float().unbind(dim=2)
        return (yes - no).T

    def content(self, state: Mapping[str, Tensor], epoch: int) -> dict[str, Any]:
        """Return the tensors; after stage 1 without what compares places, which has learnt nothing."""
        return {key: value for key, value in state.items() if self.stage == 2 or not key.startswith(FINE)}
