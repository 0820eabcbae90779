"""The table of the plan: which clip is in which shard."""

from __future__ import annotations

PLAN = {"video": "str", "shard": "str", "reason": "str"}
PLACES = PLAN | {"place": "str"}
PICTURES = PLACES | {"picture": "str"}
"""As it is written; folders of earlier runs know no places, or no pictures, until the next run. A clip has no picture
where nothing says what sounds in it: it has no annotations, or is a negative."""

NO_VIDEO = "annotated, but there is no video file"
NO_ANNOTATIONS = "no annotations: left out of a labelled dataset"
"""Reasons in the plan."""
