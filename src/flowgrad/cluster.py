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


def end_leftovers(folder: Path, submits: bool) -> None:
    """Cancel the SLURM jobs that an earlier run of a working folder left behind, and wait until they are gone.

    To be called under the engine's lock of the folder: whatever else runs in it then has lost its run. Nothing is lost
    that the engine keeps: it takes what such a job was at for incomplete, and does it again.

    Args:
        folder: the working folder.
        submits: whether this run submits jobs itself; then a SLURM that gives no answer is an error.
    """
    if shutil.which("squeue") is None:
        return
    try:
        jobs = leftovers(folder)
        if jobs:
            print(f"cancelling jobs that an earlier run left behind: {' '.join(jobs)}", file=sys.stderr)  # noqa: T201
        while jobs:
            subprocess.run(["scancel", "--quiet", *jobs], check=True, capture_output=True, text=True)
            time.sleep(SECONDS_BETWEEN_LOOKS)
            jobs = leftovers(folder)
    except subprocess.CalledProcessError as error:
        if submits:
            raise InputError(f"SLURM does not say which jobs still run ({error.stderr.strip()})") from error


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
