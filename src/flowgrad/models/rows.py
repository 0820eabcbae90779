"""A row of the table: a model under a protocol, what it needs there, and which items it can be had for."""

from __future__ import annotations

from dataclasses import dataclass

from flowgrad.flow.forms import kind_of
from flowgrad.models.base import Model, Needs


@dataclass(frozen=True)
class Row:
    """A model under a protocol.

    Attributes:
        model: the model.
        protocol: the protocol's name.
        needs: what it looks at.
        starts: what the models look at whose maps it starts from.
    """

    model: Model
    protocol: str
    needs: Needs
    starts: tuple[Needs, ...] = ()

    @property
    def name(self) -> str:
        """Return the model's name."""
        return self.model.name

    @property
    def listens(self) -> bool:
        """Return whether a clip without sound has no map."""
        return any(needs.audio is not None for needs in self._all)

    @property
    def flow(self) -> bool:
        """Return whether a frame without a successor has no map."""
        return any(needs.flow is not None for needs in self._all)

    @property
    def reach(self) -> int:
        """Return how many frames before and after its own one it looks at."""
        return max(needs.reach for needs in self._all)

    @property
    def kinds(self) -> set[str]:
        """Return the kinds of flow artifact that it reads."""
        return {kind_of(needs.flow.form) for needs in self._all if needs.flow is not None}

    def applies(self, still: bool, published_flow: bool) -> bool:
        """Return whether there is such a row for an item.

        A still has no motion; where its dataset brings flow, that is signed.
        """
        if not still or not any(needs.motion for needs in self._all):
            return True
        return published_flow and self.needs.boxes != "moving" and self.kinds == {"signed"}

    @property
    def _all(self) -> list[Needs]:
        return [self.needs, *self.starts]
