"""Grad-CAM of an audio embedding through an image encoder, in closed form.

RCGrad back-propagates the audio embedding ``a`` through the image encoder and weighs the last activations ``A`` by the
mean gradient (Wu et al., Interspeech 2022). Behind ``A`` there is nothing but a spatial mean, so the gradient is
``a / (h w)`` at every place and the map is ``ReLU(<a, A(x, y)>) / (h w)``: no backward pass is needed. ``A`` and ``a``
are both >= 0, so the ReLU changes nothing.

That map is high where activations are large, whatever they say: untrained and little trained convolutions have their
largest ones along the border. The ``cosine`` map takes the length out: ``<a, A(x, y)> / (|a| |A(x, y)|)``.

What fits every sound fits this one, too: a vehicle, whatever is heard. The ``difference`` map is the Grad-CAM of what
is special about this sound: of its embedding less the mean ``m`` of all, ``<a / |a| - m / |m|, A(x, y)>`` where that is
above 0. Its root is taken, because few places are much higher than all others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from flowgrad.constants import MAP_SIZE
from flowgrad.models.base import Maps

if TYPE_CHECKING:
    from flowgrad.models.rcgrad import presets
    from flowgrad.models.rcgrad.presets import Cam

EPSILON = 1e-7
ROUNDING = 1e-5
"""A difference below this share of the map that it is taken from is none."""


def localization_map(activations: Tensor, embedding: Tensor, cam: Cam = "raw", size: int = MAP_SIZE) -> Tensor:
    """Return where embeddings (N, C) fit activations (N, C, h, w), as (N, size, size) in [0, 1].

    ``raw`` is their Grad-CAM, ``cosine`` their cosine at every place. ``difference`` takes embeddings (N, 2 C): of the
    sound, and of the mean of all sounds. All are stretched to the whole range.
    """
    cells = activations.shape[2] * activations.shape[3]
    # float32 whatever the encoders ran in: the map is thresholded
    with torch.autocast(activations.device.type, enabled=False):
        activations, embedding = activations.float(), embedding.float()
        if cam == "cosine":
            activations, embedding = F.normalize(activations, dim=1), F.normalize(embedding, dim=1)
        elif cam == "difference":
            own, mean = (F.normalize(part, dim=1) for part in embedding.chunk(2, dim=1))
            whole = torch.einsum("nchw,nc->nhw", activations, own).amax(dim=(1, 2), keepdim=True) / cells
            embedding = own - mean
        cam_map = torch.einsum("nchw,nc->nhw", activations, embedding) / cells
        if cam == "difference":
            # of a sound that is the mean itself only rounding is left, which must not be stretched to a map
            cam_map = torch.where(cam_map > ROUNDING * whole, cam_map, 0).sqrt()
        cam_map = _stretch(cam_map)
        cam_map = F.interpolate(cam_map[:, None], (size, size), mode="bilinear", align_corners=False)[:, 0]
        return _stretch(cam_map)


def _stretch(maps: Tensor) -> Tensor:
    shifted = maps - maps.amin(dim=(1, 2), keepdim=True)
    return shifted / (EPSILON + shifted.amax(dim=(1, 2), keepdim=True))


def clean(maps: Tensor) -> Tensor:
    """Min-max normalise maps (N, H, W) and set everything below the median pixel to zero (RCGrad's ``clean_pred``).

    A constant map stays as it is.
    """
    low, high = maps.amin(dim=(1, 2), keepdim=True), maps.amax(dim=(1, 2), keepdim=True)
    span = high - low
    maps = torch.where(span > 0, (maps - low) / torch.where(span > 0, span, 1), maps)
    pixels = maps.flatten(1)
    median = pixels.kthvalue(pixels.shape[1] // 2 + 1, dim=1).values
    return torch.where(maps < median[:, None, None], 0, maps)


def joined(seen: npt.NDArray[np.float32], heard: npt.NDArray[np.float32], settings: presets.RCGrad) -> Maps:
    """Return the maps (N, 224, 224) float32 in [0, 1] of activations (N, E, C, h, w) under embeddings (N, C).

    Of ``difference`` the embeddings are (N, 2 C): of the sound, and of the mean of all. Maps of several encoders are
    multiplied (FlowGrad-EN).
    """
    with torch.inference_mode():
        embedding = torch.from_numpy(heard)
        maps = [localization_map(one, embedding, settings.cam) for one in torch.from_numpy(seen).unbind(dim=1)]
        return np.asarray(clean(torch.stack(maps).prod(dim=0)).numpy())
