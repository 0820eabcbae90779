"""``flowgrad folder``."""

from __future__ import annotations

import argparse
from pathlib import Path

from flowgrad.cli.values import check_folder, path

HELP = "print the working folder that flowgrad run gives a dataset"
EXAMPLE = "flowgrad folder /data/urbansas"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    parser.add_argument("dataset", type=path, metavar="DATASET", help="the dataset's folder")
    parser.add_argument("--format", help="of the dataset; default: urbansas where it holds annotations/, else videos")
    parser.add_argument("--runs", type=path, default=Path("runs"), help="where it lies; default: %(default)s")


def run(options: argparse.Namespace) -> int:
    """Print the folder."""
    from flowgrad.config import parse
    from flowgrad.work_folder import work_folder

    check_folder(options.dataset, f"a dataset: {EXAMPLE}")
    kind = options.format or ("urbansas" if (options.dataset / "annotations").is_dir() else "videos")
    print(work_folder(parse({"dataset": {"format": kind, "root": str(options.dataset)}}), options.runs))
    return 0
