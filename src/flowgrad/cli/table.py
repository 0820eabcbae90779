"""``flowgrad table``."""

from __future__ import annotations

import argparse
from pathlib import Path

from flowgrad.cli.values import check_folder, path
from flowgrad.errors import InputError

HELP = "print the table of a results folder"
EXAMPLE = "flowgrad table results"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    parser.add_argument("results", type=path, nargs="?", default=Path("results"), help="default: %(default)s")


def run(options: argparse.Namespace) -> int:
    """Print the table and the count of the clips."""
    from flowgrad.report import closing_lines

    check_folder(options.results, f"a results folder: {EXAMPLE}")
    lines = closing_lines(options.results)
    if not lines:
        raise InputError(f"{options.results.absolute()} holds no tables yet; run the workflow again")
    print(*lines, sep="\n")
    return 0
