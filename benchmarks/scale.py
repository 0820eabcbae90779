"""What the workflow engine costs with very many clips: time and memory before a job starts (docs/scale.md).

python benchmarks/scale.py URBANSAS CHECKPOINTS DETECTOR [--clips 10000] [--add 10] [--clips-per-job N] [--keep FOLDER]

URBANSAS is a folder with a few real clips; each new clip is a link to one of them under a name of its own, with that
clip's annotations. CHECKPOINTS holds rc_grad.pt, flowgrad_IC.ckpt and flowgrad_EN.ckpt, so that all seven rows are in
the plan, under both protocols.

Nothing is computed. For the run with nothing to do the engine itself takes empty files as done (``--touch``, without
its pause of 0.1 s a job): it then has a record a file, with parameters and checksums, as after a true run, and finds
every file with a time in the right order. What it reads of a finished run is that, not what the files hold.

Memory is the largest process's; a dry run has no other of size.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from flowgrad.evaluation.consensus_iou import CIOU
from flowgrad.schemas.clips import CLIPS
from flowgrad.schemas.scores import SCORES
from flowgrad.schemas.status import STATUS
from flowgrad.stages.tables import summary_columns

REPOSITORY = Path(__file__).parent.parent
EMPTY = {
    "clips.csv": CLIPS,
    "metrics/summary.csv": summary_columns([CIOU]),
    "scores/": SCORES,
    "status/": STATUS,
}
"""The columns of the tables that something reads here: the end of a run, and the rules that make the first two."""
TABLES = ("video_annotations.csv", "audio_annotations.csv")
TOUCH_AT_ONCE = """\
import snakemake.executors.touch
snakemake.executors.touch.Executor.SLEEPING_TIME = 0
from snakemake.cli import main
main()
"""


def add_clips(source: Path, root: Path, numbers: range) -> None:
    """Link clips and append their annotations: clip ``number`` is one of the real ones under another name."""
    real = sorted((source / "clips").glob("*.mp4"))
    (root / "clips").mkdir(parents=True, exist_ok=True)
    (root / "annotations").mkdir(exist_ok=True)
    copies = {path.stem: [number for number in numbers if number % len(real) == i] for i, path in enumerate(real)}
    for path in real:
        for number in copies[path.stem]:
            (root / "clips" / f"{name(path.stem, number)}.mp4").symlink_to(path.resolve())
    for table in TABLES:
        with (source / "annotations" / table).open(newline="") as file:
            columns, *rows = csv.reader(file)
        place = columns.index("filename")
        new = not (root / "annotations" / table).exists()
        with (root / "annotations" / table).open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(columns)
            for row in rows:
                for number in copies.get(row[place], ()):
                    writer.writerow([*row[:place], name(row[place], number), *row[place + 1 :]])


def name(clip: str, number: int) -> str:
    return f"{clip}_copy{number:06d}"


@dataclass
class Command:
    """Commands in a working folder, each measured."""

    folder: Path
    settings: Path

    def __call__(self, what: str, *command: str) -> str:
        """Run a command, print what it cost and return what it printed."""
        log = self.folder / "output.txt"
        start = time.perf_counter()
        with log.open("w") as file:
            process = subprocess.Popen(command, cwd=self.folder, stdout=file, stderr=subprocess.STDOUT)
            _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output = log.read_text()
        if process.returncode != 0:
            sys.exit(f"{what}: exit status {process.returncode}\n{output[-4000:]}")
        cpu, memory = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
        print(f"{what:34s} {wall:7.1f} s  {cpu:7.1f} s of CPU  {memory:6.0f} MB", flush=True)
        return output

    def snakemake(self, what: str, *arguments: str, program: tuple[str, ...] = ("-m", "snakemake")) -> str:
        """Run Snakemake."""
        # many cores, which cost nothing here: the engine looks at all waiting jobs each time it gives cores away
        options = ["--snakefile", str(REPOSITORY / "Snakefile"), "--configfile", str(self.settings), "--cores", "500"]
        return self(what, sys.executable, *program, *options, *arguments, "--", "all")


def print_jobs(output: str) -> None:
    table = re.search(r"^Job stats:\njob +count\n-+ +-+\n((?:\S+ +\d+\n)+)", output, re.MULTILINE)
    jobs = dict(line.split() for line in table[1].splitlines()) if table else {}
    print("    " + (", ".join(f"{count} {rule}" for rule, count in jobs.items()) or "no job"))


def pretend(summary: str, folder: Path) -> int:
    """Write a file without content for every output of a summary; return how many there are."""
    paths = [line.split("\t")[0] for line in summary.splitlines() if line.startswith("results/")]
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
        columns = next((columns for place, columns in EMPTY.items() if path.startswith(f"results/{place}")), None)
        if columns:
            (folder / path).write_text(",".join(columns) + "\n")
    return len(paths)


@contextmanager
def working_folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    else:
        keep.mkdir(parents=True)
        yield keep.resolve()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("urbansas", type=Path)
    parser.add_argument("checkpoints", type=Path)
    parser.add_argument("detector", type=Path)
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--add", type=int, default=10)
    parser.add_argument("--clips-per-job", type=int)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="work in this new folder and leave it")
    options = parser.parse_args()
    with working_folder(options.keep) as folder:
        root, settings = folder / "dataset", folder / "settings.yaml"
        add_clips(options.urbansas, root, range(options.clips))
        names = {"rcgrad": "rc_grad.pt", "flowgrad-ic": "flowgrad_IC.ckpt", "flowgrad-en": "flowgrad_EN.ckpt"}
        config = {
            "dataset": {"format": "urbansas", "root": str(root)},
            "checkpoints": {key: str(options.checkpoints.resolve() / file) for key, file in names.items()},
            "detector": {"weights": str(options.detector.resolve())},
        }
        if options.clips_per_job:
            config["clips_per_job"] = options.clips_per_job
        settings.write_text(yaml.safe_dump(config))
        run = Command(folder, settings)
        run("flowgrad check", sys.executable, "-m", "flowgrad.cli", "check", "-c", str(settings))
        print_jobs(run.snakemake("dry run, the first", "-n", "--quiet", "rules"))
        run.snakemake("dry run, again", "-n", "--quiet", "rules")
        files = pretend(run.snakemake("(summary)", "--summary"), folder)
        run.snakemake("(taken as done)", "--touch", "--forceall", "--quiet", "rules", program=("-c", TOUCH_AT_ONCE))
        output = run.snakemake(f"nothing to do, {files} files", "--quiet", "rules")
        if "Nothing to be done" not in output:
            sys.exit(f"the engine found something to do:\n{output[-4000:]}")
        redone = run.snakemake("the tables from empty shards", "--quiet", "rules", "--forcerun", "summary", "clips")
        print_jobs(redone)
        add_clips(options.urbansas, root, range(options.clips, options.clips + options.add))
        print_jobs(run.snakemake(f"{options.add} clips more, dry run", "-n", "--quiet", "rules"))


if __name__ == "__main__":
    main()
