"""The optical flow estimators by name."""

from __future__ import annotations

from flowgrad.flow.base import Estimator
from flowgrad.registry import Registry

_RAFT_FILE = "raft_small_C_T_V2-01064c6d.pth"

ESTIMATORS: Registry[Estimator] = Registry(
    Estimator,
    "flow estimator",
    "flowgrad.flow",
    (
        Estimator("farneback", "flowgrad.flow.farneback:Farneback"),
        Estimator("dis", "flowgrad.flow.dis:Dis"),
        Estimator("raft-small", "flowgrad.flow.raft:RaftSmall", _RAFT_FILE, "torchvision's Raft_Small_Weights.C_T_V2"),
    ),
)
