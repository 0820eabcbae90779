"""``flowgrad export``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from flowgrad.cli.values import check_folder, path, writing
from flowgrad.errors import InputError

if TYPE_CHECKING:
    from flowgrad.results import Results

HELP = "write results in the formats of other tools (docs/exports.md)"
EXAMPLE = "flowgrad export coco results boxes.json"
COCO, PARQUET = "coco", "parquet"
SUFFIXES = {COCO: ".json", PARQUET: ".parquet"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    parser.add_argument("format", choices=(COCO, PARQUET), help="boxes as COCO's JSON, or the table frames.csv")
    parser.add_argument("results", type=path, metavar="RESULTS", help="the results folder")
    parser.add_argument("output", type=path, nargs="?", metavar="OUT", help="default: metrics/frames.parquet in it")
    of_coco = parser.add_argument_group("coco")
    of_coco.add_argument("--boxes", metavar="WHAT", help="detections (default), truth, or a row of maps, as flow")
    of_coco.add_argument("--protocol", help="whose rules count; default: paper")
    of_coco.add_argument("--scored", action="store_true", help="only frames that the protocol scores")
    of_coco.add_argument("--images", type=path, metavar="FOLDER", help="write the images there, too")


def run(options: argparse.Namespace) -> int:
    """Write the file and print where."""
    check_folder(options.results, f"a results folder: {EXAMPLE}")
    output: Path | None = options.output
    wanted = SUFFIXES[options.format]
    if output is not None and output.is_dir():
        raise InputError(f"{output.absolute()} is a folder; name a file in it, such as {output / ('boxes' + wanted)}")
    if output is not None and output.suffix.lower() != wanted:
        raise InputError(f"{output}: end its name in {wanted}: {output.with_suffix(wanted)}")
    given = [name for name in ("boxes", "protocol", "scored", "images") if getattr(options, name)]
    if options.format == PARQUET and given:
        raise InputError(f"--{given[0]} is of coco; for example: flowgrad export parquet results")
    if options.format == COCO and output is None:
        raise InputError(f"name the file to write; for example: {EXAMPLE}")

    from flowgrad.results import open_results

    results = open_results(options.results)
    print(_parquet(results, output) if output is None or options.format == PARQUET else _coco(results, output, options))
    return 0


def _coco(results: Results, output: Path, options: argparse.Namespace) -> Path:
    import json

    from flowgrad.artifacts import write_text
    from flowgrad.export.coco import DETECTIONS, coco, write_images

    made = coco(results, options.boxes or DETECTIONS, options.protocol or "paper", options.scored)
    with writing(output):
        write_text(output, json.dumps(made, ensure_ascii=False) + "\n")
    if options.images is not None:
        with writing(options.images):
            write_images(results, made, options.images)
    return output


def _parquet(results: Results, output: Path | None) -> Path:
    from flowgrad.export.parquet import FILE, write_frames

    output = output or results.scored_file.with_name(FILE)
    with writing(output):
        write_frames(results, output)
    return output
