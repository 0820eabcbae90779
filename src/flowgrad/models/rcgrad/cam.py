"""Grad-CAM of an audio embedding through an image encoder, in closed form.

RCGrad back-propagates the audio embedding ``a`` through the image encoder and weighs the last activations ``A`` by the
mean gradient (Wu et al., Interspeech 2022). Behind ``A`` there is nothing but a spatial mean, so the gradient is
``a / (h w)`` at every place and the map is ``ReLU(<a, A(x, y)>) / (h w)``: no backward pass is needed. ``A`` and ``a``
are both >= 0, so the ReLU changes nothing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from flowgrad.constants import MAP_SIZE

EPSILON = 1e-7


def localization_map(activations: Tensor, embedding: Tensor, size: int = MAP_SIZE) -> Tensor:
    """Return the Grad-CAM of embeddings (N, C) through activations (N, C, h, w), as (N, size, size) in [0, 1]."""
    cells = activations.shape[2] * activations.shape[3]
    # float32 whatever the encoders ran in: the map is thresholded
    with torch.autocast(activations.device.type, enabled=False):
        cam = torch.einsum("nchw,nc->nhw", activations.float(), embedding.float()) / cells
        cam = _stretch(cam)
        cam = F.interpolate(cam[:, None], (size, size), mode="bilinear", align_corners=False)[:, 0]
        return _stretch(cam)


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
