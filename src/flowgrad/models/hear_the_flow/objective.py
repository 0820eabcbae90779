"""What Hear The Flow learns: a contrast of each sound with its own frame, other frames, and what is around it.

The loss is the tri-map of LVS (Chen et al., CVPR 2021, equations 3 to 5), which Hear The Flow takes over (WACV 2023,
section 3.3). Where places are sure to sound or sure not to is decided by two thresholds; between them nothing is asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flowgrad.models.base import TrainingPreset
from flowgrad.models.hear_the_flow.inputs import audio_input, flow_scale
from flowgrad.models.hear_the_flow.network import HearTheFlowNetwork
from flowgrad.models.hear_the_flow.presets import SAMPLE_RATE
from flowgrad.models.resnet import imagenet_encoder, standardised
from flowgrad.models.spectrogram import log_spectrogram
from flowgrad.training.objective import Objective, Samples, Start

SOUNDING, SILENT, SOFTNESS = 0.65, 0.40, 0.03
"""Above and below which cosines a place is taken to sound or not, and how soft both edges are."""
TEMPERATURE = 0.07
RELEASED_DIAGONAL = -99

Diagonal = Literal["masked", "released"]


class HearTheFlow(HearTheFlowNetwork, Objective):
    """Frame and flow against sound.

    Args:
        width: of the encoders; the attention has as many channels.
        frozen: the image encoder is given, and stays as it is, its BatchNorm statistics too.
        preset: under ``released`` those of a frozen encoder drift; the own sound is multiplied instead of taken out;
            mirrored flow is not turned (it has no sign: its samples hold ``signed_jpeg``); batches are not drawn anew.
    """

    name = "hear-the-flow"

    def __init__(self, width: int, frozen: bool = False, preset: TrainingPreset = "paper"):
        super().__init__(width, width)
        self._frozen, self._released = frozen, preset == "released"
        self.turns_flow = self.shuffles = self.flow_per_second = not self._released
        if frozen:
            self.imgnet.requires_grad_(False)

    @classmethod
    def started(cls, start: Start) -> HearTheFlow:
        """Return the objective at its start: as published from ImageNet, where the image encoder then stays; or random.

        Raises ``InputError`` naming the file where it does not fit.
        """
        if start.file is None:
            return cls(start.width, preset=start.preset)
        learnt = cls(start.width, frozen=True, preset=start.preset)
        state = imagenet_encoder(start.file, start.width, f"training.init.{cls.name}")
        learnt.imgnet.load_state_dict(state)
        # all but what sees the flow (released code)
        rest = {key: value for key, value in state.items() if key != "conv1.weight"}
        learnt.flownet.load_state_dict(rest, strict=False)
        return learnt

    def train(self, mode: bool = True) -> HearTheFlow:
        """Set the mode of all that is not frozen; as released, of that too."""
        super().train(mode)
        if self._frozen and not self._released:
            self.imgnet.eval()
        return self

    def measured_parts(self) -> list[nn.Module]:
        """Return all that is not frozen."""
        return [part for name, part in self.named_children() if not (self._frozen and name == "imgnet")]

    def new_branches(self) -> list[nn.Module]:
        """Return what has seen nothing yet."""
        return [self.audnet, self.flownet, *([] if self._frozen else [self.imgnet])]

    def embeddings(self, samples: Samples) -> dict[str, Tensor]:
        """Return the features of the places that the flow attends to (N, C, 7, 7), and of the audio (N, C)."""
        assert samples.flow is not None
        heard = log_spectrogram(audio_input(samples.audio.cpu().numpy()), SAMPLE_RATE)[:, None]
        spectrograms = torch.from_numpy(np.ascontiguousarray(heard)).to(samples.frame)
        flow = samples.flow / flow_scale(self.flow_per_second)
        visual, audio = self.embed(standardised(samples.frame), spectrograms, flow)
        return {"visual": visual, "audio": audio}

    def loss(self, found: Mapping[str, Tensor]) -> Tensor:
        """Return the tri-map loss."""
        return trimap_loss(_cosines(found), "released" if self._released else "masked")

    def chance(self, size: int) -> float:
        """Return what the loss is where all cosines are 0: the own frame among the others and the surroundings.

        Under ``released`` the own frame stands among the others once more.
        """
        return math.log(size + (2 if self._released else 1))

    def logits(self, found: Mapping[str, Tensor]) -> Tensor:
        """Return how well each frame fits each sound."""
        return responses(_cosines(found))

    def content(self, state: Mapping[str, Tensor], epoch: int) -> dict[str, Any]:
        """Return the published layout: tensors and epoch."""
        return {"model": dict(state), "epoch": epoch}


def _cosines(found: Mapping[str, Tensor]) -> Tensor:
    # in bfloat16 the soft edges would be steps
    with torch.autocast(found["audio"].device.type, enabled=False):
        return torch.einsum("nchw,mc->nmhw", found["visual"].float(), found["audio"].float())


def responses(cosines: Tensor) -> Tensor:
    """Return the mean cosine of the places that sound, for frames and sounds (N, M, h, w): (N, M)."""
    sure = torch.sigmoid((cosines - SOUNDING) / SOFTNESS)
    return (sure * cosines).sum(dim=(2, 3)) / sure.sum(dim=(2, 3))


def trimap_loss(cosines: Tensor, diagonal: Diagonal = "masked") -> Tensor:
    """Return the loss, a scalar, of the cosines (N, N, h, w) between the places of N frames and N sounds.

    Args:
        cosines: row n, column n are a frame and its own sound.
        diagonal: a frame's own sound is taken out of its distractors; or ``released``: it is multiplied by -99, as the
            released code does, which makes a large distractor of a negative one.

    >>> round(trimap_loss(torch.zeros(3, 3, 2, 2)).exp().item())
    4
    """
    fits = responses(cosines)
    own = fits.diagonal()[:, None]
    itself = torch.eye(len(fits), dtype=torch.bool, device=fits.device)
    if diagonal == "masked":
        others = fits.masked_fill(itself, -torch.inf)
    else:
        others = torch.where(itself, RELEASED_DIAGONAL * fits, fits)
    places = cosines.diagonal().movedim(-1, 0)
    # 1 - sigmoid(x), which is never 0
    around = torch.sigmoid((SILENT - places) / SOFTNESS)
    surroundings = (around * places).sum(dim=(1, 2)) / around.sum(dim=(1, 2))
    logits = torch.cat((own, others, surroundings[:, None]), dim=1) / TEMPERATURE
    return F.cross_entropy(logits, torch.zeros(len(fits), dtype=torch.long, device=fits.device))
