"""flowgrad: where in a street video does the sound come from?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowgrad.evaluation.scoring import score
    from flowgrad.media.clip import read_clip
    from flowgrad.models.loading import load_model
    from flowgrad.results import open_results

__version__ = "0.1.0"
__all__ = ["load_model", "open_results", "read_clip", "score"]

_HOMES = {
    "load_model": "flowgrad.models.loading",
    "open_results": "flowgrad.results",
    "read_clip": "flowgrad.media.clip",
    "score": "flowgrad.evaluation.scoring",
}


def __getattr__(name: str) -> Any:
    # torch takes seconds to import: only who asks for a model pays
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'flowgrad' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
