"""RAFT-small (Teed and Deng, ECCV 2020), torchvision's implementation with its published weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flowgrad.errors import InputError, first_line

STRIDE = 8
"""The network halves a side three times."""
SMALLEST = 128
"""Its pyramid has four levels more."""


class RaftSmall:
    """RAFT-small on frames at native size; it runs on the CPU.

    Args:
        weights: the file that torchvision publishes.

    Raises:
        InputError: the file is not that network's.
    """

    settings: dict[str, Any] = {"updates": 12}  # noqa: RUF012 - what the protocol asks for

    def __init__(self, weights: Path | None):
        import pickle

        import torch
        from torchvision.models.optical_flow import raft_small

        if weights is None:
            raise InputError(
                "flow.weights: raft-small needs its weights; name the file, or put it in the weights folder"
            )
        self._network = raft_small(weights=None).eval()
        try:
            self._network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        except (RuntimeError, pickle.UnpicklingError, AttributeError, TypeError, EOFError) as error:
            raise InputError(f"{weights}: holds no RAFT-small of torchvision ({first_line(error)})") from error

    def prepared(self, rgb: npt.NDArray[np.uint8]) -> Any:
        """Return a frame as the network takes it: (1, 3, H, W) in -1..1, padded at its right and lower edge."""
        import torch
        import torch.nn.functional as F

        frame = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None].float() / 127.5 - 1
        height, width = rgb.shape[:2]
        right, below = (max(SMALLEST, -(-side // STRIDE) * STRIDE) - side for side in (width, height))
        return F.pad(frame, (0, right, 0, below), mode="replicate"), (height, width)

    def flow(self, first: Any, second: Any) -> npt.NDArray[np.float32]:
        """Return the flow (2, H, W) between two prepared frames; see :class:`flowgrad.flow.base.FlowEstimator`.

        Raises:
            ValueError: the frames differ in shape.
        """
        import torch

        (one, size), (two, other) = first, second
        if size != other:
            raise ValueError(f"frames of one pair must have one shape, got {size} and {other}")
        with torch.inference_mode():
            found = self._network(one, two, num_flow_updates=self.settings["updates"])[-1][0]
        return np.ascontiguousarray(found[:, : size[0], : size[1]].numpy(), np.float32)
