"""The encoders of a method as one network: from frames, spectrograms and flow to what is seen and heard."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flowgrad.models.inputs import PIXEL_DEVIATION, PIXEL_MEAN
from flowgrad.models.rcgrad.encoders import AudioEncoder, FlowInput, Sounds, log_spectrogram
from flowgrad.models.rcgrad.presets import Cam
from flowgrad.models.resnet import pictures

Views = Mapping[str, tuple[str, ...]]
"""What each encoder looks at, by its name: ``frames``, ``flow``, or both, one after the other as channels."""


class Network(nn.Module):
    """What is seen of N frames and their flow, and heard of their sounds.

    Args:
        encoders: those of a checkpoint, by their names there; who takes no part is left out.
        views: the encoders whose maps are multiplied.
        cam: which map is made.
    """

    def __init__(self, encoders: nn.ModuleDict, views: Views, cam: Cam):
        super().__init__()
        audio = encoders["audio_encoder"]
        assert isinstance(audio, AudioEncoder)
        self.audio_encoder = audio
        self.encoders = nn.ModuleDict({name: encoders[name] for name in views})
        self.flow_input = encoders["flow_input"] if "flow_input" in encoders else None  # noqa: SIM401
        self.sounds = encoders["sounds"] if "sounds" in encoders else None  # noqa: SIM401
        self._views, self._cam = dict(views), cam

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return what it looks at, in the order in which it takes it."""
        return tuple(dict.fromkeys(name for names in self._views.values() for name in names))

    def forward(self, spectrograms: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is seen and heard.

        Args:
            spectrograms: (N, 1, F, T).
            others: as :attr:`inputs` has them: frames (N, S, S, 3) uint8, flow (N, S, S) float32 as published networks
                see it.

        Returns:
            Activations (N, E, C, h, w) of E encoders and embeddings (N, C). Of map ``difference`` the embeddings are
            (N, 2 C): of the sound, and of the mean of all sounds.
        """
        given = dict(zip(self.inputs, others, strict=True))
        if "frames" in given:
            given["frames"] = pictures(given["frames"], PIXEL_MEAN, PIXEL_DEVIATION)
        if "flow" in given:
            flow = given["flow"].unsqueeze(1)
            given["flow"] = self.flow_input.of_published(flow) if isinstance(self.flow_input, FlowInput) else flow
        seen = [
            encoder(torch.cat([given[view] for view in self._views[name]], dim=1))
            for name, encoder in self.encoders.items()
        ]
        return torch.stack(seen, dim=1), self._heard(self.audio_encoder.embed(spectrograms))

    def _heard(self, embedding: Tensor) -> Tensor:
        if self._cam != "difference":
            return embedding
        # each of length 1, so that a mean over clips counts each clip alike; the mean is zero where the file has none
        mean = self.sounds.mean if isinstance(self.sounds, Sounds) else torch.zeros_like(embedding[0])
        own = F.normalize(embedding.float(), dim=1)
        return torch.cat((own, F.normalize(mean.float(), dim=0).expand_as(own)), dim=1)


def with_spectrograms(audio: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    """Return what the network takes: spectrograms (N, 1, F, T) of audio (N, S), and the other inputs as they are."""
    return log_spectrogram(audio), *others
