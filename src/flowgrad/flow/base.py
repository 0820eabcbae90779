"""What an optical flow estimator is to the rest of the product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from flowgrad.code import Code, implementation, module_of
from flowgrad.errors import InputError


class FlowEstimator(Protocol):
    """An optical flow method, ready to run."""

    settings: Mapping[str, Any]
    """What decides its figures, JSON-ready."""

    def prepared(self, rgb: npt.NDArray[np.uint8]) -> Any:
        """Return what is compared of an (H, W, 3) uint8 RGB frame; made once a frame, which is in two pairs."""

    def flow(self, first: Any, second: Any) -> npt.NDArray[np.float32]:
        """Return the flow from one prepared frame to the next.

        Returns:
            (2, H, W) float32: how far each pixel of the first moves to the right and down, in its own pixels.
        """


def estimated(
    name: str, estimator: FlowEstimator, first: Any, second: Any, size: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Return the flow between two prepared frames of a ``size`` (width, height), (2, H, W) float32.

    Raises ``InputError`` where the estimator gives something else.
    """
    found = np.asarray(estimator.flow(first, second), np.float32)
    expected = 2, size[1], size[0]
    if found.shape != expected:
        raise InputError(f"flow estimator {name}: expected flow {expected}, it gives {found.shape}")
    return found


@dataclass(frozen=True)
class Estimator:
    """An estimator by name: docs/flow.md shows how to add one.

    Attributes:
        name: as under ``flow`` of the configuration, and in paths.
        load: ``module:attribute``, or the callable, ``(weights) -> FlowEstimator``; ``weights`` is None where it needs
            none.
        file: the name of its weights in the weights folder, None where it needs none.
        source: where they are published.
    """

    name: str
    load: Code
    file: str | None = None
    source: str = ""

    @property
    def module(self) -> str:
        """Return the module that computes it."""
        return module_of(self.load)

    def loaded(self, weights: Path | None = None) -> FlowEstimator:
        """Import its code and load it; raises ``InputError`` where the code cannot be imported."""
        return implementation(f"flow estimator {self.name}", self.load)(weights)  # type: ignore[no-any-return]
