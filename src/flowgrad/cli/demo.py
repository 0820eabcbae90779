"""``flowgrad demo``."""

from __future__ import annotations

import argparse
from pathlib import Path

from flowgrad import paths
from flowgrad.cli.values import path
from flowgrad.errors import InputError

HELP = "render streets with sound, and fill the whole table with small networks: no data, no network"
EXAMPLE = "flowgrad demo --cores 4"
PASSES_ON = True
"""What follows the first option is Snakemake's."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    parser.add_argument(
        "folder",
        type=path,
        nargs="?",
        default=Path("flowgrad-demo"),
        metavar="FOLDER",
        help="where it runs and puts results/; default: %(default)s",
    )
    parser.epilog = "Options of Snakemake follow, such as --cores 8, -n or --config 'streets={labelled: 40}'."


def run(options: argparse.Namespace) -> int:
    """Run the demo; return Snakemake's exit status."""
    from flowgrad.cli.engine import check_work_folder, engine_options, settings_of, start

    given = engine_options(options.passed_on)
    if "dataset" in settings_of(given):
        raise InputError("the settings name a dataset, and the demo renders its own; use: flowgrad run")
    if given.directory is None:
        given.directory = options.folder
    check_work_folder(given.directory)
    place = f"results in {Path(given.directory) / paths.RESULTS}"
    print(f"the demo: {place}", flush=True)
    status = start(given)
    print(place)
    return status
