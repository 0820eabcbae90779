"""What RCGrad, FlowGrad-IC and FlowGrad-EN learn: contrasts between frame, flow and sound; and where weights start.

RCGrad (Wu et al., Interspeech 2022): symmetric InfoNCE between frame and sound, with a learnt scale. FlowGrad
(section 2.2): IC has the same loss with flow as a fourth channel, EN the sum of the three pairwise losses. The papers
leave the rest of IC and EN open; docs/training.md lists what stands in.

Not from the papers: ``compare: best-places`` (multiple-instance InfoNCE) asks that some places of a picture fit its
sound, where the papers' mean asks it of the whole street.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flowgrad.errors import InputError
from flowgrad.flow.magnitude import INPUT_OFFSET, INPUT_SCALE
from flowgrad.models.inputs import PIXEL_DEVIATION, PIXEL_MEAN
from flowgrad.models.rcgrad.encoders import FlowInput, Sounds, build_encoders, load_encoders
from flowgrad.models.rcgrad.layout import sees_flow
from flowgrad.models.resnet import imagenet_encoder, standardised
from flowgrad.training.objective import Compare, InfoNCE, Objective, Samples, Start, quarters, tiled


class RCGrad(Objective):
    """Frame against sound.

    Args:
        encoders: where they start, by the names of the published checkpoints; ``flow_input`` beside them where flow is
            standardised.
        compare: what of a picture is compared with a sound.
        new: names of the encoders that have never seen what they see here.
    """

    name = "rcgrad"
    takes = frozenset({"mosaics", "compare"})
    pairs: ClassVar[tuple[tuple[str, str], ...]] = (("image_encoder", "audio_encoder"),)
    """The encoders that are compared."""
    changed: ClassVar[tuple[str, ...]] = ()
    """The encoders that see something else than those of the RCGrad that they start from."""

    def __init__(self, encoders: nn.ModuleDict, compare: Compare = "means", new: Iterable[str] = ()):
        super().__init__()
        self.compare, self._new = compare, tuple(new)
        for name, encoder in encoders.items():
            self.add_module(name, encoder)
        self.loss_fn = InfoNCE()

    @classmethod
    def started(cls, start: Start) -> RCGrad:
        """Return the objective at its start.

        As ``released``, spectrograms are standardised over the whole batch, and flow enters as ``(magnitude + 5) /
        200``.

        Raises ``InputError`` naming the file where it does not fit.
        """
        learnt = cls._started(start)
        if start.preset == "released":
            hears: Any = learnt.audio_encoder
            hears.standardised_over = "batch"
            learnt.register_module("flow_input", None)
        return learnt

    @classmethod
    def _started(cls, start: Start) -> RCGrad:
        if start.file is None:
            encoders = build_encoders(cls.name, start.width, sees_flow(cls.name), mean_sound=True)
            return cls(encoders, start.compare, (name for name in encoders if name.endswith("encoder")))
        if start.kind == "imagenet":
            rcgrad = build_encoders(RCGrad.name, start.width)
            image = imagenet_encoder(start.file, start.width, f"training.init.{cls.name}")
            rcgrad["image_encoder"].load_state_dict(image)
            return cls(cls._from_rcgrad(rcgrad, start.width), start.compare, ("audio_encoder",))
        try:
            rcgrad = load_encoders(start.file, RCGrad.name)
            found = len(rcgrad["image_encoder"].state_dict()["conv1.weight"])
            if found != start.width:
                raise InputError(
                    f"has width {found}, and training.width is {start.width}; use another start, or random"
                )
            return cls(cls._from_rcgrad(rcgrad, start.width), start.compare, cls.changed)
        except InputError as error:
            raise InputError(f"training.init.{cls.name}: {start.file}: {error}") from error

    @classmethod
    def _from_rcgrad(cls, rcgrad: nn.ModuleDict, width: int) -> nn.ModuleDict:
        """Return the encoders, started from those of RCGrad, which may themselves be returned."""
        rcgrad["sounds"] = Sounds(width)
        return rcgrad

    def new_branches(self) -> list[nn.Module]:
        """Return the encoders that have never seen what they see here."""
        return [getattr(self, name) for name in self._new]

    def measure(self, samples: Iterable[Samples]) -> None:
        """Take mean and deviation of the flow from some samples, over all places."""
        scaled = getattr(self, "flow_input", None)
        if not isinstance(scaled, FlowInput):
            return
        count, total, squares = 0, 0.0, 0.0
        for some in samples:
            assert some.flow is not None
            flow = some.flow.double()
            count, total, squares = (
                count + flow.numel(),
                total + flow.sum().item(),
                squares + flow.square().sum().item(),
            )
        mean = total / count
        scaled.mean.fill_(mean)
        # where nothing moves at all, flow is zero before and after
        scaled.deviation.fill_(math.sqrt(max(squares / count - mean**2, 0.0)) or 1.0)

    def conclude(self, samples: Iterable[Samples]) -> None:
        """Take the mean of the embeddings of some sounds, each of length 1."""
        heard = [F.normalize(self.audio_encoder(some.audio).float(), dim=1) for some in samples]  # type: ignore[operator]
        self.sounds.mean.copy_(torch.cat(heard).mean(dim=0))  # type: ignore[operator, union-attr]

    def embeddings(self, samples: Samples) -> dict[str, Tensor]:
        """Return the embeddings by the name of their encoder.

        (N, 8 width); of picture and flow (N, 8 width, h, w) where places are compared.
        """
        return {
            "image_encoder": self._encoded("image_encoder", self._seen(samples), samples.mosaics),
            "audio_encoder": self.audio_encoder(samples.audio),  # type: ignore[operator]
        }

    def _seen(self, samples: Samples) -> Tensor:
        return standardised(samples.frame, PIXEL_MEAN, PIXEL_DEVIATION)

    def _moved(self, samples: Samples) -> Tensor:
        assert samples.flow is not None
        scaled = getattr(self, "flow_input", None)
        return scaled(samples.flow) if isinstance(scaled, FlowInput) else _published(samples.flow)

    def _encoded(self, name: str, x: Tensor, mosaics: bool) -> Tensor:
        encoder: Any = getattr(self, name)
        x = tiled(x) if mosaics else x
        found: Tensor = encoder(x.contiguous(memory_format=torch.channels_last))
        found = quarters(found) if mosaics else found
        return found if self.compare == "best-places" else found.mean(dim=(2, 3))

    def loss(self, found: Mapping[str, Tensor]) -> Tensor:
        """Return the sum of InfoNCE over the pairs."""
        return torch.stack([self.loss_fn(found[first], found[second]) for first, second in self.pairs]).sum()

    def chance(self, size: int) -> float:
        """Return what the loss is where all similarities are equal."""
        return math.log(size) * len(self.pairs)

    def logits(self, found: Mapping[str, Tensor]) -> Tensor:
        """Return the similarities of frames and sounds."""
        return self.loss_fn.logits(found["image_encoder"], found["audio_encoder"])


class _Lightning(RCGrad):
    """FlowGrad's published files have Lightning's layout."""

    def content(self, state: Mapping[str, Tensor], epoch: int) -> dict[str, Any]:
        """Return the tensors and their epoch; Lightning counts from 0."""
        return {"state_dict": dict(state), "epoch": epoch - 1}


class FlowGradIC(_Lightning):
    """Frame with flow against sound."""

    name = "flowgrad-ic"
    changed = ("image_encoder",)

    @classmethod
    def _from_rcgrad(cls, rcgrad: nn.ModuleDict, width: int) -> nn.ModuleDict:
        """The fourth channel of the first convolution is the mean of the three that see colours (released code)."""
        encoders = build_encoders(cls.name, width, standardised_flow=True, mean_sound=True)
        encoders["audio_encoder"].load_state_dict(rcgrad["audio_encoder"].state_dict())
        colours, mean, rest = _first_convolution(rcgrad)
        encoders["image_encoder"].load_state_dict(rest | {"conv1_flow.weight": torch.cat((colours, mean), dim=1)})
        return encoders

    def _seen(self, samples: Samples) -> Tensor:
        return torch.cat((standardised(samples.frame, PIXEL_MEAN, PIXEL_DEVIATION), self._moved(samples)), dim=1)


class FlowGradEN(_Lightning):
    """Frame, flow and sound, each against each."""

    name = "flowgrad-en"
    pairs = (
        ("image_encoder", "audio_encoder"),
        ("image_encoder", "flow_encoder"),
        ("flow_encoder", "audio_encoder"),
    )
    changed = ("flow_encoder",)

    @classmethod
    def _from_rcgrad(cls, rcgrad: nn.ModuleDict, width: int) -> nn.ModuleDict:
        """The flow encoder is a copy of the image encoder whose first convolution is its mean (released code)."""
        encoders = build_encoders(cls.name, width, standardised_flow=True, mean_sound=True)
        for name in ("image_encoder", "audio_encoder"):
            encoders[name].load_state_dict(rcgrad[name].state_dict())
        _, mean, rest = _first_convolution(rcgrad)
        encoders["flow_encoder"].load_state_dict(rest | {"conv1_flow.weight": mean})
        return encoders

    def embeddings(self, samples: Samples) -> dict[str, Tensor]:
        """Return the embeddings by the name of their encoder, those of the flow too."""
        moved = self._encoded("flow_encoder", self._moved(samples), samples.mosaics)
        return super().embeddings(samples) | {"flow_encoder": moved}


def _published(flow: Tensor) -> Tensor:
    return (flow + INPUT_OFFSET) / INPUT_SCALE


def _first_convolution(rcgrad: nn.ModuleDict) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Return the first convolution of the image encoder, its mean over the colours, and the encoder's other tensors."""
    image = rcgrad["image_encoder"].state_dict()
    colours = image.pop("conv1.weight")
    return colours, colours.mean(dim=1, keepdim=True), image
