"""How the workflow ends where it cannot go on: with one sentence.

What is raised in a Snakefile, the engine dresses up with places in its files; what is raised in a rule's input function
also with a traceback. An exit it lets pass, and gives its lock back.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn, TypeVar

from flowgrad.errors import InputError
from flowgrad.spelling import did_you_mean

FAILED, MISTAKE = 1, 2
"""Exit statuses: something must be mended before a run; something was asked for that there is not."""
TARGETS = ("all", "metrics", "maps", "detections", "pictures", "figures", "page", "overlays", "clips", "train")
"""The targets of docs/running.md."""
Found = TypeVar("Found")


def give_up(error: object, status: int = FAILED) -> NoReturn:
    """Say what is wrong and end the process."""
    print(f"flowgrad: {error}", file=sys.stderr, flush=True)  # noqa: T201
    sys.exit(status)


def or_give_up(find: Callable[[], Found]) -> Found:
    """Return what a function finds; where it raises ``InputError``, say so and end the process."""
    try:
        return find()
    except InputError as error:
        give_up(error)


def no_target(name: str) -> NoReturn:
    """End the process because somebody asks for a target that there is not."""
    if name.endswith((".yaml", ".yml", ".json")):
        give_up(f"{name} is no target; settings are named as --configfile {name}", MISTAKE)
    meant = did_you_mean(name, TARGETS) or f"; there are {', '.join(TARGETS)}"
    give_up(f"there is no target {name[:60]!r}{meant}", MISTAKE)
