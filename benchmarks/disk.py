"""How much disk a run needs for a while, at most: the pictures in results/frames (docs/scale.md).

python benchmarks/disk.py VIDEOS [--clips 12 24 48] [--cores 1 2] [--frames-on-disk 4 100000]

VIDEOS is a folder of real clips; each clip of a run is a link to one of them, a shard of its own. The only reader is
optical flow. Every run is made twice: with what the cores give, and with a resource of which every reader wants the
only one, as networks want a GPU: then decoding can run ahead. The folder is looked at again and again during a run; its
unit is the pictures of one shard, of the largest of the clips.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

import yaml

from flowgrad.datasets.registry import open_dataset
from flowgrad.decoding import Recipe, decode
from flowgrad.plan import Plan

REPOSITORY = Path(__file__).parent.parent
INTERVAL_S = 0.05
ONE_READER = ("--set-resources", "flow:gpu=1", "--resources", "gpu=1")


def in_use(folder: Path) -> int:
    """Return the bytes below a folder, hidden files among them."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size if not path.is_dir() else 0
        except FileNotFoundError:
            continue
    return total


def peak(command: Sequence[str | Path], work: Path) -> int:
    """Run a command and return the most bytes that lay in ``results/frames`` meanwhile."""
    found, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(INTERVAL_S):
            found.append(in_use(work / "results/frames"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    finally:
        ended.set()
        watcher.join()
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return max(found)


def run(videos: list[Path], clips: int, cores: int, on_disk: int, options: tuple[str, ...]) -> int:
    with tempfile.TemporaryDirectory() as name:
        work, root = Path(name) / "work", Path(name) / "videos"
        work.mkdir()
        root.mkdir()
        for number in range(clips):
            video = videos[number % len(videos)]
            (root / f"{video.stem}_{number:04d}{video.suffix}").symlink_to(video.resolve())
        config = {"dataset": {"format": "videos", "root": str(root)}, "models": ["flow"], "protocols": ["paper"]}
        config |= {"clips_per_job": 1, "pictures": 0, "frames_on_disk": on_disk}
        (work / "settings.yaml").write_text(yaml.safe_dump(config))
        command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile", "--cores", str(cores)]
        return peak([*command, "--configfile", work / "settings.yaml", *options, "--", "all"], work)


def one_shard(videos: list[Path]) -> int:
    """Return the bytes of the pictures and sound of the clip that has most."""
    with tempfile.TemporaryDirectory() as name:
        root, results = Path(name) / "videos", Path(name) / "results"
        root.mkdir()
        for video in videos:
            (root / video.name).symlink_to(video.resolve())
        plan = Plan(results)
        sizes = []
        for shard in plan.update(open_dataset("videos", root), 1):
            decode(Recipe(plan.shard_file(shard), root, (16_000,)), results / "frames.h5")
            sizes.append((results / "frames.h5").stat().st_size)
    return max(sizes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--clips", type=int, nargs="+", default=[12, 24, 48])
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--frames-on-disk", type=int, nargs="+", default=[4, 100_000])
    parser.add_argument("--of", type=int, default=4, help="how many of the real clips are used; default: %(default)s")
    options = parser.parse_args()
    videos = sorted(path for path in options.videos.iterdir() if path.suffix == ".mp4")[: options.of]
    unit = one_shard(videos)
    print(f"one shard: {unit / 1e6:.1f} MB")
    print("frames_on_disk  cores  readers at once  clips  most on disk")
    for on_disk in options.frames_on_disk:
        for cores in options.cores:
            for readers, extra in (("cores", ()), ("1", ONE_READER)):
                for clips in options.clips:
                    most = run(videos, clips, cores, on_disk, extra)
                    row = f"{on_disk:14d}  {cores:5d}  {readers:>15s}  {clips:5d}"
                    print(f"{row}  {most / 1e6:6.1f} MB, {most / unit:4.1f} shards", flush=True)


if __name__ == "__main__":
    main()
