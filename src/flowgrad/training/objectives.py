"""What is learnt: contrastive losses between the embeddings of a picture, its flow and its sound; where weights start.

RCGrad (Wu et al., Interspeech 2022): symmetric InfoNCE between picture and sound, with a learnt scale. FlowGrad
(section 2.2): IC has the same loss with flow as a fourth channel, EN the sum of the three pairwise losses. The papers
leave the rest of IC and EN open; docs/training.md lists what stands in.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flowgrad.errors import InputError
from flowgrad.models.encoders import build_encoders

PAIRS: dict[str, tuple[tuple[str, str], ...]] = {
    "rcgrad": (("image_encoder", "audio_encoder"),),
    "flowgrad-ic": (("image_encoder", "audio_encoder"),),
    "flowgrad-en": (
        ("image_encoder", "audio_encoder"),
        ("image_encoder", "flow_encoder"),
        ("flow_encoder", "audio_encoder"),
    ),
}
"""Which encoders are compared, by method."""

INITIAL_TEMPERATURE = 0.07


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


def start_from_rcgrad(method: str, rcgrad: nn.ModuleDict, width: int) -> nn.ModuleDict:
    """Return the encoders of ``method``, started from those of RCGrad, which may themselves be returned.

    IC: the fourth channel of the first convolution is the mean of the three that see colours. EN: the flow encoder is
    a copy of the image encoder whose first convolution is that mean alone (released code).

    Raises ``InputError`` where the widths differ.
    """
    picture = rcgrad["image_encoder"].state_dict()
    colours = picture["conv1.weight"]
    if len(colours) != width:
        raise InputError(f"has width {len(colours)}, and training.width is {width}; use another start, or random")
    if method == "rcgrad":
        return rcgrad
    encoders = build_encoders(method, width)
    encoders["audio_encoder"].load_state_dict(rcgrad["audio_encoder"].state_dict())
    mean = colours.mean(dim=1, keepdim=True)
    rest = {key: value for key, value in picture.items() if key != "conv1.weight"}
    if method == "flowgrad-ic":
        encoders["image_encoder"].load_state_dict(rest | {"conv1_flow.weight": torch.cat((colours, mean), dim=1)})
    else:
        encoders["image_encoder"].load_state_dict(picture)
    if method == "flowgrad-en":
        encoders["flow_encoder"].load_state_dict(rest | {"conv1_flow.weight": mean})
    return encoders


def start_from_imagenet(state: dict[str, Tensor]) -> nn.ModuleDict:
    """Return RCGrad's encoders at published width: the image encoder from an ImageNet ResNet-18, the audio one new.

    Raises ``InputError`` where the file is no such ResNet-18.
    """
    encoders = build_encoders("rcgrad")
    needed = encoders["image_encoder"].state_dict()
    missing = [key for key, value in needed.items() if key not in state or state[key].shape != value.shape]
    if missing:
        raise InputError(f"is no ResNet-18: {missing[0]} is missing or of another shape")
    encoders["image_encoder"].load_state_dict({key: state[key] for key in needed})
    return encoders
