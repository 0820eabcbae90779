"""The product's own models, with random weights, as a run calls them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

import flowgrad
from flowgrad.models.checkpoint_file import check_layout
from flowgrad.models.registry import weights_of

FLOWGRAD = ("rcgrad", "flowgrad-ic", "flowgrad-en")
FAMILIES = ("hear-the-flow", "visual-context", "coarse-to-fine")


def random_checkpoint(folder: Path, name: str) -> Path:
    """Write a seeded checkpoint of a model at full width, in its published layout."""
    path = folder / f"{name}.pt"
    torch.manual_seed(0)
    torch.save(_network(name).state_dict(), path)
    (known,) = weights_of(name)
    assert known.layout is not None
    check_layout(path, known.layout)
    return path


def _network(name: str) -> torch.nn.Module:
    if name in FLOWGRAD:
        from flowgrad.models.rcgrad.encoders import build_encoders

        return build_encoders(name)
    if name == "hear-the-flow":
        from flowgrad.models.hear_the_flow.network import HearTheFlowNetwork

        return HearTheFlowNetwork()
    if name == "visual-context":
        from flowgrad.models.visual_context.network import VisualContextNetwork

        return VisualContextNetwork()
    from flowgrad.models.coarse_to_fine.network import CoarseToFineNetwork

    return CoarseToFineNetwork()


def loaded(name: str, checkpoint: Path, protocol: str, precision: Any, engine: Any) -> Any:
    """Return a model as a function on arrays."""
    return flowgrad.load_model(name, checkpoint, protocol, "cpu", precision, engine=engine)
