"""A YOLO through an engine: classes are scored everywhere, boxes are computed only where a vehicle is.

A YOLO's head scores every place of three grids, and gives every place a box. A sixth of YOLOv8n's arithmetic goes into
boxes of places where nothing is. Here the engine computes scores and features. Then torch computes the boxes of the
places with a score, of the 5x5 features around each: the head's box branch is two 3x3 convolutions and one of 1x1.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from flowgrad.detection.suppression import suppress
from flowgrad.models.arithmetic import Runtime
from flowgrad.models.engine import compute

MOST = 300
"""Boxes of a frame, and places that a head without suppression looks at: as in ultralytics."""
APART = np.float32(7680)
"""Boxes of two classes are moved apart by it before they are suppressed: as in ultralytics."""
AT_ONCE = 256
"""Places whose boxes are computed at once, to bound memory: in 256 channels, what is multiplied takes 21 MB."""
BOX_BRANCH = [(3, 1), (3, 1), (1, 1)]
"""Side and groups of the convolutions that give boxes."""
Frame = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Found:
    """What was found in a frame, the most confident first.

    Attributes:
        boxes: (N, 4) float32, x1, y1, x2, y2 in pixels of the frame.
        confidences: (N,) float32.
        numbers: N numbers of classes.
    """

    boxes: npt.NDArray[np.float32]
    confidences: npt.NDArray[np.float32]
    numbers: list[int]


Find = Callable[[Sequence[Frame]], list[Found]]
"""Finds what is in (H, W, 3) uint8 RGB frames."""


@dataclass(frozen=True)
class Search:
    """What is looked for.

    Attributes:
        image_size: longer side of the network's input, pixels.
        confidence: detections up to this are dropped.
        iou: overlap above which the weaker of two boxes of a class is dropped.
        classes: numbers of the classes.
    """

    image_size: int
    confidence: float
    iou: float
    classes: tuple[int, ...]


def misfit(network: Any) -> str | None:
    """Return why a network cannot be computed here; None where it can."""
    from ultralytics.nn.modules.head import Detect, v10Detect

    head = network.model[-1]
    if type(head) not in (Detect, v10Detect):
        return f"its head is a {type(head).__name__}"
    for branch in head.cv2 if head.cv2 is not None else head.one2one_cv2:
        convolutions = [_parts(layer)[0] for layer in branch]
        if [(one.kernel_size[0], one.groups) for one in convolutions] != BOX_BRANCH:
            return "its boxes are not made by two 3x3 convolutions and one of 1x1"
    channels = network.yaml.get("channels", 3)
    return None if channels == 3 else f"it takes {channels} channels"


class SparseYolo:
    """Finds vehicles as ultralytics' predictor does.

    Args:
        network: of ultralytics; its BatchNorm is folded in place.
        search: what is looked for.
        runtime: where and through which engine the scores are computed.
    """

    def __init__(self, network: Any, search: Search, runtime: Runtime):
        from ultralytics.utils.checks import check_imgsz

        network.float().eval().fuse(verbose=False)
        self._search = search
        self._head = network.model[-1]
        self._branches = [[_multiplied(layer) for layer in branch] for branch in self._head.cv2]
        self._stride = max(int(network.stride.max()), 32)
        self._size = check_imgsz(search.image_size, stride=self._stride, min_dim=2)
        # in single precision a score at the threshold may fall on either side; what is below is sorted out afterwards
        self._least = np.float32(torch.logit(torch.tensor(search.confidence)).item() - 1e-3)
        self._scores = compute(_Scores(network), runtime, items=1)

    def __call__(self, frames: Sequence[Frame]) -> list[Found]:
        """Return what is in each (H, W, 3) uint8 RGB frame."""
        from ultralytics.data.augment import LetterBox

        # frames of one size are padded to whole strides, others to a square
        one_size = len({frame.shape for frame in frames}) == 1
        fit = LetterBox(self._size, auto=one_size, stride=self._stride)
        return [self._found(fit(image=frame), frame.shape) for frame in frames]

    @torch.inference_mode()
    def _found(self, picture: Frame, shape: tuple[int, ...]) -> Found:
        from ultralytics.utils.ops import scale_boxes

        grids = self._scores(picture[None])
        scores, features = grids[: len(grids) // 2], grids[len(grids) // 2 :]
        places, confidences, numbers = self._candidates([level[0] for level in scores])
        wanted = np.isin(numbers, self._search.classes)
        places, confidences, numbers = places[wanted], confidences[wanted], numbers[wanted]
        boxes = self._boxes([level[0] for level in features], places)
        if not self._head.end2end:
            kept = suppress(boxes + numbers[:, None].astype(np.float32) * APART, confidences, self._search.iou)[:MOST]
            boxes, confidences, numbers = boxes[kept], confidences[kept], numbers[kept]
        scaled = scale_boxes(picture.shape[:2], torch.from_numpy(boxes), shape)
        return Found(scaled.numpy(), confidences, numbers.tolist())

    def _candidates(self, scores: list[npt.NDArray[np.float32]]) -> tuple[npt.NDArray[Any], ...]:
        """Return the places with a score, their confidences and the numbers of their classes.

        ``scores``: for each level (h, w, classes), before the sigmoid. A place is (level, row, column).
        """
        found, logits = [], []
        for level, grid in enumerate(scores):
            at = np.unique(np.flatnonzero(grid > self._least) // grid.shape[2])
            rows, columns = np.divmod(at, grid.shape[1])
            found.append(np.stack([np.full_like(rows, level), rows, columns], axis=1))
            logits.append(grid[rows, columns])
        places = np.concatenate(found)
        confidences = torch.from_numpy(np.concatenate(logits)).sigmoid().numpy()
        best = confidences.max(axis=1)
        if not self._head.end2end:
            keep = best > self._search.confidence
            return places[keep], best[keep], confidences[keep].argmax(axis=1)
        # without suppression a place may have two classes
        first = np.argsort(-best, kind="stable")[:MOST]
        places, confidences = places[first], confidences[first]
        at, numbers = np.nonzero(confidences > self._search.confidence)
        order = np.argsort(-confidences[at, numbers], kind="stable")[:MOST]
        at, numbers = at[order], numbers[order]
        return places[at], confidences[at, numbers], numbers

    def _boxes(self, features: list[npt.NDArray[np.float32]], places: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the boxes of places, (N, 4) float32 in pixels of the network's input."""
        boxes = np.zeros((len(places), 4), np.float32)
        for level, grid in enumerate(features):
            (here,) = np.nonzero(places[:, 0] == level)
            for start in range(0, len(here), AT_ONCE):
                some = here[start : start + AT_ONCE]
                boxes[some] = self._boxes_of(level, grid, places[some, 1], places[some, 2])
        return boxes

    def _boxes_of(
        self, level: int, grid: npt.NDArray[np.float32], rows: npt.NDArray[Any], columns: npt.NDArray[Any]
    ) -> npt.NDArray[np.float32]:
        first, second, last = self._branches[level]
        around, inside = _surroundings(grid, rows, columns)
        x = torch.from_numpy(around)
        # past the picture's edge a convolution reads zeros, not what the one before would have there
        x = first(x) * torch.from_numpy(inside[:, 1:-1, 1:-1, None])
        x = last(second(x))
        # left, top, right, bottom of the place's centre, in strides
        sides = self._head.dfl(x[:, 0, 0].T[None])[0].T.numpy()
        centres = np.stack([columns, rows], axis=1).astype(np.float32) + np.float32(0.5)
        stride = np.float32(self._head.stride[level].item())
        return np.asarray(np.concatenate([centres - sides[:, :2], centres + sides[:, 2:]], axis=1) * stride)


class _Scores(nn.Module):
    """A network of ultralytics from (N, H, W, 3) uint8 pictures to scores and features.

    For each level scores (N, h, w, classes), then for each level features (N, h, w, channels).
    """

    def __init__(self, network: Any):
        super().__init__()
        # the network itself keeps its head
        self._network = copy.copy(network)
        self._network._modules = dict(network._modules)
        self._network.model = nn.Sequential(*network.model[:-1], _Classes(network.model[-1]))

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self._network(pictures.permute(0, 3, 1, 2).float() / 255))


class _Classes(nn.Module):
    """The part of a head that scores classes; ``f`` and ``i`` say where it stands in the network."""

    def __init__(self, head: Any):
        super().__init__()
        self.f, self.i, self.branches = head.f, head.i, head.cv3

    def forward(self, features: list[torch.Tensor]) -> list[torch.Tensor]:
        scores = [branch(level) for branch, level in zip(self.branches, features, strict=True)]
        # an engine keeps channels last: so nothing has to be moved
        return [grid.permute(0, 2, 3, 1) for grid in (*scores, *features)]


def _surroundings(
    grid: npt.NDArray[np.float32], rows: npt.NDArray[Any], columns: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return the (N, 5, 5, channels) around places of a (h, w, channels) grid, zero past its edge, and what is in it.

    The latter is (N, 5, 5).
    """
    reach = np.arange(-2, 3)
    down, right = rows[:, None] + reach, columns[:, None] + reach
    inside = ((down >= 0) & (down < grid.shape[0]))[:, :, None] & ((right >= 0) & (right < grid.shape[1]))[:, None, :]
    down, right = down.clip(0, grid.shape[0] - 1), right.clip(0, grid.shape[1] - 1)
    around = grid[down[:, :, None], right[:, None, :]]
    around[~inside] = 0
    return around, inside


def _parts(layer: Any) -> tuple[Any, Any]:
    """Return the convolution of a layer and what follows it."""
    return (layer, nn.Identity()) if isinstance(layer, nn.Conv2d) else (layer.conv, layer.act)


def _multiplied(layer: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a layer with folded BatchNorm for (N, h, w, channels), without padding, as one product of matrices.

    torch's convolution prepares its weights anew for every number of places; here that takes longer than the product.
    """
    convolution, act = _parts(layer)
    side = convolution.kernel_size[0]
    weights = convolution.weight.detach().permute(2, 3, 1, 0).flatten(0, 2).contiguous()
    bias = convolution.bias.detach()

    def run(x: torch.Tensor) -> torch.Tensor:
        windows = x.unfold(1, side, 1).unfold(2, side, 1).permute(0, 1, 2, 4, 5, 3)
        found: torch.Tensor = act(torch.addmm(bias, windows.reshape(-1, len(weights)), weights))
        return found.reshape(*windows.shape[:3], -1)

    return run
