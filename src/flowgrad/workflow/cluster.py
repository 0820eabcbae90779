"""SLURM jobs that a killed run left behind: they work on, and the run that follows would submit them a second time."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from flowgrad.errors import InputError

RUN_ID = re.compile(r"(?:^|_)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
"""The name that the engine's SLURM executor gives to the jobs of a run, behind the profile's prefix."""
SECONDS_BETWEEN_LOOKS = 2.0
LOOKS_BETWEEN_LINES = 30


def alone(folder: Path) -> bool:
    """Return whether no other run holds a lock in a working folder; to be asked by a run that has its own.

    A run is a while at its plan before it takes its lock, so that another can have begun meanwhile. The engine writes
    two files for each run: what it reads and what it makes.
    """
    return len(list((folder / ".snakemake/locks").glob("*.lock"))) <= 2


def end_leftovers(folder: Path, submits: bool) -> None:
    """Cancel the SLURM jobs that an earlier run of a working folder left behind, and wait until they are gone.

    Only to be called where no other run holds a lock in the folder: what is in the queue then has lost its run. Nothing
    is lost that the engine keeps: it takes what such a job was at for incomplete, and does it again.

    Args:
        folder: the working folder.
        submits: whether this run submits jobs itself; then a SLURM that gives no answer is an error. A run that does
            not is none of SLURM's, which may well be installed where it does not run.
    """
    if shutil.which("squeue") is None:
        return
    try:
        jobs = leftovers(folder)
        if jobs:
            _say(f"cancelling jobs that an earlier run left behind: {' '.join(jobs)}")
            # one that has just ended is no error; whether all are gone is looked at below
            subprocess.run(["scancel", "--quiet", *jobs], check=False, capture_output=True)
        looks = 0
        while jobs:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            jobs, looks = leftovers(folder), looks + 1
            if jobs and looks % LOOKS_BETWEEN_LINES == 0:
                _say(
                    f"waiting for SLURM to end {' '.join(jobs)} (`squeue --me` shows where; a dead node takes minutes)"
                )
    except subprocess.CalledProcessError as error:
        if submits:
            reason = (error.stderr.strip().splitlines() or ["no answer"])[0].removeprefix("squeue: error: ")
            raise InputError(
                f"SLURM does not say which jobs still run ({reason}); run again when `squeue --me` answers"
            ) from error


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)  # noqa: T201


def leftovers(folder: Path) -> list[str]:
    """Return the numbers of this user's SLURM jobs that a run of the engine in a folder submitted and that still are.

    Raises ``CalledProcessError`` where SLURM gives no answer.
    """
    command = ["squeue", "--me", "--noheader", "--format=%i|%j|%Z"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [line.split("|", 2) for line in answer.splitlines()]
    return [number for number, name, place in rows if RUN_ID.search(name) and _same(Path(place), folder)]


def _same(first: Path, second: Path) -> bool:
    return first.exists() and first.samefile(second)
