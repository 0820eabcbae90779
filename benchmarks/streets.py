"""How fast streets are rendered: seconds of video a second of wall clock, on one and on two processes.

python benchmarks/streets.py [--clips 8] [--seconds 10] [--fps 24]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from flowgrad.synthetic.annotate import annotate
from flowgrad.synthetic.dataset import clip_names, write_dataset
from flowgrad.synthetic.scene import make_scene
from flowgrad.synthetic.settings import StreetSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--fps", type=int, choices=(8, 24, 30), default=24)
    options = parser.parse_args()
    settings = StreetSettings(seconds=options.seconds, frames_per_second=options.fps)
    names = clip_names("labelled", 50)
    start = time.perf_counter()
    for name in names:
        annotate(make_scene(settings, name))
    print(f"annotations: {(time.perf_counter() - start) / len(names) * 1000:.1f} ms a clip")
    for processes in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            write_dataset(Path(folder), settings, options.clips, 0, processes)
            rate = options.clips * options.seconds / (time.perf_counter() - start)
        size = f"{settings.width}x{settings.height}, {settings.frames_per_second} frames per second"
        print(f"{processes} processes: {rate:.1f} s of video a second ({size})")


if __name__ == "__main__":
    main()
