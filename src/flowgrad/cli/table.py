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
    parser.add_argument(
        "--slices",
        metavar="FIGURE",
        help="one figure, such as auc, by kind of frame: class, size, night, ...",
    )
    parser.add_argument("results", type=path, nargs="?", default=Path("results"), help="default: %(default)s")


def run(options: argparse.Namespace) -> int:
    """Print the table and the count of the clips, or a figure of the slices."""
    from flowgrad.report import closing_lines, slices_text
    from flowgrad.results import open_results
    from flowgrad.spelling import did_you_mean

    check_folder(options.results, f"a results folder: {EXAMPLE}")
    if options.slices:
        results = open_results(options.results)
        if not results.has_slices:
            where = options.results.absolute()
            why = "set slices: annotations, run again" if results.has_table else "nothing was scored in it"
            raise InputError(f"{where} has no metrics/slices.csv; {why}")
        slices = results.slices
        figures = [column.removesuffix("_low") for column in slices.columns if column.endswith("_low")]
        if options.slices not in figures:
            guess = did_you_mean(options.slices, figures) or f"; known: {', '.join(figures)}"
            raise InputError(f"unknown figure {options.slices!r}{guess}")
        print(slices_text(slices, options.slices))
        return 0
    lines = closing_lines(options.results)
    if not lines:
        raise InputError(f"{options.results.absolute()} holds no tables yet; run the workflow again")
    print(*lines, sep="\n")
    return 0
