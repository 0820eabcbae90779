"""``flowgrad shuffle-sound``."""

from __future__ import annotations

import argparse

from flowgrad.cli.values import check_folder, path, whole_number, writing

HELP = "write a control dataset: each clip with the sound of another"
EXAMPLE = "flowgrad shuffle-sound /data/urbansas /data/wrong-sound"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    parser.add_argument("dataset", type=path, metavar="DATASET", help="an Urbansas folder")
    parser.add_argument("out", type=path, metavar="OUT", help="the folder to write, absent or empty")
    parser.add_argument("--seed", type=whole_number(0), default=0, help="of the order; default: %(default)s")


def run(options: argparse.Namespace) -> int:
    """Write the dataset and say who sounds like whom."""
    from flowgrad.datasets.controls import shuffle_sound

    check_folder(options.dataset, f"an Urbansas folder: {EXAMPLE}")
    with writing(options.out):
        done = shuffle_sound(options.dataset, options.out, options.seed)
    for name, donor in done.donors.items():
        print(f"{name} sounds like {donor}")
    print(f"{options.out}: {len(done.donors)} clips with another's sound, {len(done.mute)} without sound as before")
    return 0
