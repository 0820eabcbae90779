"""Section ``flow``: how optical flow is estimated."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from flowgrad.config.base import GivenPath, Strict, among
from flowgrad.flow.registry import ESTIMATORS

EstimatorName = Annotated[str, among(lambda: ESTIMATORS, "flow estimator {!r}")]


class FlowConfig(Strict):
    """How optical flow is estimated."""

    estimator: EstimatorName = Field(
        "farneback", description="farneback (FlowGrad's and Hear The Flow's), dis, raft-small, or one of your own"
    )
    weights: GivenPath | None = Field(
        None, description="weights of the estimator; without it the published name in the weights folder"
    )
