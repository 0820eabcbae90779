"""``flowgrad weights``."""

from __future__ import annotations

import argparse
import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from flowgrad.cli.check import SHIPPED, read_settings
from flowgrad.cli.values import check_folder, path

if TYPE_CHECKING:
    from flowgrad.inventory import Known

HELP = "list the published weights: what they learnt from, for which models, where to get them, and which are here"
EXAMPLE = "flowgrad weights my.yaml"
WIDTH = 120
"""Letters of a line."""
TITLES = ("file", "trained on", "licence", "state", "for")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    parser.add_argument("files", type=path, nargs="*", metavar="FILE", help="settings over the clone's config.yaml")
    parser.add_argument("--directory", "-d", type=path, default=Path(), help="the working folder, as for snakemake")


def run(options: argparse.Namespace) -> int:
    """Print the table, where each file can be got, and where those lie that are here."""
    from flowgrad.config import parse
    from flowgrad.inventory import known_weights

    raw = read_settings([SHIPPED, *options.files] if SHIPPED.is_file() else options.files)
    check_folder(options.directory, "the working folder: flowgrad weights --directory FOLDER")
    os.chdir(options.directory)
    # of no dataset: without any it would be the demo, which takes the networks that come along
    config = parse({"dataset": {"format": "videos", "root": "."}} | raw)
    print("\n".join(lines(known_weights(config))))
    return 0


def lines(known: list[Known]) -> list[str]:
    """Return the lines that are printed; only a path or an address can make one longer than ``WIDTH``."""
    rows = [
        (each.file, each.trained_on or "not stated", each.licence or "not stated", each.state, ", ".join(each.users))
        for each in known
    ]
    widths = [max(len(row[column]) for row in [TITLES, *rows]) for column in range(len(TITLES) - 1)]
    printed = []
    for row in [TITLES, *rows]:
        before = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        printed += _wrapped(f"{before}  ", row[-1])
    printed += ["", "where to get them"]
    for each in known:
        printed += _wrapped(f"{each.file.ljust(widths[0])}  ", each.whence)
    here = [each for each in known if each.path is not None]
    printed += ["", "what is here"] if here else []
    for each in here:
        fault = f": {each.fault}" if each.fault else ""
        printed += _wrapped(f"{each.file.ljust(widths[0])}  ", f"{each.path} {each.state}{fault}{each.hint}")
    return printed


def _wrapped(before: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=before,
        subsequent_indent=" " * len(before),
        break_long_words=False,
        break_on_hyphens=False,
    )
