"""``flowgrad schema``."""

from __future__ import annotations

import argparse

HELP = "print the JSON schema of the configuration"
EXAMPLE = "flowgrad schema"


def arguments(_: argparse.ArgumentParser) -> None:
    """Say what may be given: nothing."""


def run(_: argparse.Namespace) -> int:
    """Print the schema."""
    from flowgrad.config import json_schema

    print(json_schema(), end="")
    return 0
