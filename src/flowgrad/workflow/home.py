"""Where the workflow lies: Snakefile, rules, scripts, profiles and config.yaml."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def workflow_home() -> Path:
    """Return the folder of the Snakefile: the clone whose ``src`` this package lies in, else what the wheel carries."""
    clone = PACKAGE.parents[1]
    return clone if PACKAGE.parent.name == "src" and (clone / "Snakefile").is_file() else PACKAGE / "_workflow"
