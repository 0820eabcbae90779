"""How fast flowgrad is: against what people use instead, and against the machine's limit (docs/speed.md).

python benchmarks/speed stages CLIP_OR_FOLDER [--weights yolov8n.pt] [--precision ...] [--engine ...]
python benchmarks/speed run URBANSAS --weights yolov8n.pt [--clips 4] [--before CLONE]
python benchmarks/speed growth URBANSAS [--clips 1 3 9 27] [--seconds 10 60 600] [--cores 1 2]
python benchmarks/speed start URBANSAS --weights yolov8n.pt

Each prints ratios measured in one run. Weights of networks are random (seeded): the time is the same.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

PRECISIONS, ENGINES = ("float32", "bfloat16", "int8"), ("auto", "torch", "openvino")
STAGES = ("decode", "flow", "detect", "models")


def stages_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("videos", type=Path, help="a clip, or a folder of them")
    parser.add_argument("--weights", type=Path, help="measure the detector too")
    parser.add_argument(
        "--precision", nargs="+", choices=PRECISIONS, help="default: float32, and bfloat16 where the processor has it"
    )
    parser.add_argument("--engine", nargs="+", choices=ENGINES, default=["auto"], help="default: auto")
    parser.add_argument("--only", nargs="+", choices=STAGES, default=STAGES, help="default: all")
    parser.add_argument("--frames", type=int, default=32, help="that each model sees; default: %(default)s")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))


def run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, help="a folder in the layout of Urbansas")
    parser.add_argument("--weights", type=Path, required=True, help="of the detector")
    parser.add_argument("--clips", type=int, default=4, help="how many of the clips; default: %(default)s")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=["float32"])
    parser.add_argument("--engine", choices=ENGINES, default="auto")
    parser.add_argument("--before", type=Path, help="a clone of an earlier version, measured too")
    parser.add_argument("--no-naive", action="store_true", help="leave the naive script out")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the working folders of the runs here")


def growth_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, help="a folder in the layout of Urbansas")
    parser.add_argument("--clips", type=int, nargs="*", default=[1, 3, 9, 27])
    parser.add_argument("--seconds", type=int, nargs="*", default=[10, 60, 600])
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])


def start_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, help="a folder in the layout of Urbansas")
    parser.add_argument("--weights", type=Path, required=True, help="of the detector")
    parser.add_argument("--repeats", type=int, default=3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, add in (
        ("stages", stages_options),
        ("run", run_options),
        ("growth", growth_options),
        ("start", start_options),
    ):
        add(commands.add_parser(name))
    options = parser.parse_args()
    for path in (vars(options).get(name) for name in ("videos", "dataset", "weights", "before")):
        if path is not None and not path.exists():
            parser.error(f"{path} is not there")
    if options.command != "stages" and not (options.dataset / "annotations").is_dir():
        parser.error(f"{options.dataset} has no folder annotations/: name a folder in the layout of Urbansas")
    if options.command == "stages":
        # before numpy or torch count the cores
        os.sched_setaffinity(0, {options.core})
        import stages

        stages.measure(options)
    elif options.command == "run":
        import whole

        whole.measure(options)
    elif options.command == "growth":
        import growth

        growth.measure(options)
    else:
        import start

        start.measure(options)


if __name__ == "__main__":
    sys.exit(main())
