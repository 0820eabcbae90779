"""Where, in which arithmetic and through which engine a network computes. Imports nothing of the package."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Precision = Literal["float32", "bfloat16", "int8"]
Engine = Literal["torch", "openvino"]


@dataclass(frozen=True)
class Runtime:
    """Where and how a network computes; :func:`flowgrad.models.runtime.resolve` makes one.

    Attributes:
        device: a torch device string.
        precision: of the arithmetic.
        engine: what it computes through.
        fallback: whether torch computes what the engine cannot take.
        used: the engines that networks of this runtime really computed through so far (:mod:`flowgrad.models.engine`).
    """

    device: str = "cpu"
    precision: Precision = "float32"
    engine: Engine = "torch"
    fallback: bool = False
    used: set[Engine] = field(default_factory=set, compare=False, repr=False)

    def through(self) -> str:
        """Return the engines that networks computed through, in words; before they did, the one they are to take."""
        return " and ".join(sorted(self.used or {self.engine}))
