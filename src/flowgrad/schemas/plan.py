"""The table of the plan: which clip is in which shard."""

from __future__ import annotations

PLAN = {"video": "str", "shard": "str", "reason": "str"}
PLACES = PLAN | {"place": "str"}
"""As it is written; folders of earlier runs know no places until the next run."""

NO_VIDEO = "annotated, but there is no video file"
NO_ANNOTATIONS = "no annotations: left out of a labelled dataset"
"""Reasons in the plan."""
