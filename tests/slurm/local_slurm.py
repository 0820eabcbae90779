"""A SLURM of the tests' own on this machine, and what can befall its jobs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import pytest
import yaml
from conftest import REPOSITORY, Finished

PATIENCE_S = 900
PROGRAMS = ("slurmctld", "slurmd", "munged", "squeue", "scancel", "scontrol")
SITE = Path("/etc/slurm/slurm.conf")
Found = TypeVar("Found")


def eventually(look: Callable[[], Found | None], what: str, pause_s: float = 0.2) -> Found:
    """Look again and again until there is something to see."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(pause_s)
    raise AssertionError(f"waited in vain for {what}")


@dataclass(frozen=True)
class Job:
    """A job as SLURM records it; ``what`` is the rule and its wildcards."""

    number: str
    what: str
    state: str
    node: str
    start: str
    end: str
    limit: str
    run: str
    folder: str

    @property
    def span(self) -> tuple[datetime, datetime]:
        return datetime.fromisoformat(self.start), datetime.fromisoformat(self.end)

    def scripts(self) -> list[int]:
        """Return the processes that do the rule's own work, without the engine's that wait for them."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                ours = f"SLURM_JOB_ID={self.number}\0".encode() in (process / "environ").read_bytes()
                if ours and b"/.snakemake/scripts/" in (process / "cmdline").read_bytes().split(b"\0")[1]:
                    found.append(int(process.name))
            except (OSError, IndexError):
                continue  # it ended while we looked
        return found


@dataclass(frozen=True)
class Slurm:
    """The controller and its nodes n1 and n2."""

    scripts: Path
    environment: dict[str, str]

    def call(self, *command: str | Path) -> str:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def jobs(self, folder: Path) -> list[Job]:
        """Return all jobs, ended ones too, that were submitted from a working folder."""
        rows = self.call("squeue", "--states=all", "--noheader", "--format=%i|%k|%T|%N|%S|%e|%l|%j|%Z").splitlines()
        jobs = [Job(*row.split("|", 8)) for row in rows]
        return [job for job in jobs if Path(job.folder) == folder]

    def frozen(self, folder: Path, *whats: str) -> list[Job]:
        """Wait for jobs, and stop each in the middle of its work so that it cannot end by itself."""
        stopped: dict[str, Job] = {}

        def stop() -> bool:
            for job in self.jobs(folder):
                if job.what in whats and job.state == "RUNNING" and (scripts := job.scripts()):
                    try:
                        for process in scripts:
                            os.kill(process, signal.SIGSTOP)
                    except ProcessLookupError:
                        continue  # it ended while we looked
                    stopped[job.what] = job
            return len(stopped) == len(whats)

        # a script works for a second
        eventually(stop, f"{whats} at work", pause_s=0.02)
        return [stopped[what] for what in whats]

    def state(self, job: Job) -> str:
        """Return what SLURM says of a job now."""
        return self.call("squeue", "--states=all", "--noheader", "--format=%T", "--jobs", job.number).strip()

    def kill_node(self, node: str) -> None:
        """Kill a node's daemon and all that runs on it."""
        self.call("bash", self.scripts / "slurm-kill-node.sh", node)

    def mend_nodes(self) -> None:
        """Start the daemons that are gone."""
        self.call("bash", self.scripts / "slurm-up.sh")

    @contextmanager
    def run(self, folder: Path, config: dict, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Start the workflow; what it says goes to ``log-<process>`` in the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        given = {"clips_per_job": 32, "page": False, "figures": False} | config
        (folder / "config.test.yaml").write_text(yaml.safe_dump(given))
        command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile", "--directory", folder]
        command += ["--configfile", folder / "config.test.yaml", "--slurm-init-seconds-before-status-checks", "2"]
        command += ["--latency-wait", "20", *arguments]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                command, cwd=folder, env=self.environment, stdout=log, stderr=subprocess.STDOUT, text=True
            )
            (folder / "log").rename(folder / f"log-{process.pid}")
            try:
                yield process
            finally:
                process.kill()
                process.wait()

    def finish(self, process: subprocess.Popen[str], folder: Path) -> Finished:
        """Wait for the end of a run."""
        status = process.wait(PATIENCE_S)
        return Finished(status, (folder / f"log-{process.pid}").read_text(), folder)


def why_not() -> str | None:
    """Return why no SLURM can be brought up here."""
    if not sys.platform.startswith("linux") or shutil.which("apt-get") is None:
        return "the SLURM of these tests comes from Debian's packages"
    if os.geteuid() != 0:
        return "a SLURM is brought up as root"
    if SITE.exists() and not SITE.is_symlink():
        return f"{SITE}: this machine belongs to a cluster already"
    return None


def _is_up(home: Path) -> bool:
    """Tell whether the controller whose state lies in ``home`` is at work."""
    pid = home / "run" / "slurmctld.pid"
    if not pid.exists():
        return False
    process = Path("/proc") / pid.read_text().strip() / "comm"
    return process.exists() and process.read_text().strip() == "slurmctld"


def _end_jobs(environment: dict[str, str]) -> None:
    """End all jobs, those too that a failed test left frozen: without its daemons nobody would."""
    whose = ["--me", "--noheader", "--states=RUNNING,COMPLETING"]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        left = subprocess.run(
            ["squeue", *whose, "--format=%i"], env=environment, capture_output=True, text=True, check=False
        )
        if left.returncode != 0 or not left.stdout.strip():
            return
        for extra in (["--full", "--signal=KILL"], []):
            subprocess.run(["scancel", "--quiet", "--me", *extra], env=environment, capture_output=True, check=False)
        time.sleep(0.5)


@contextmanager
def local_slurm(scripts: Path, home: Path) -> Iterator[Slurm]:
    """Bring up a SLURM whose state lies in ``home``, and take it down again."""
    if SITE.is_symlink():
        other = SITE.resolve().parent
        assert not _is_up(other), f"another SLURM is up on this machine: take down {other} first"
        SITE.unlink()  # of a test run that was killed
    environment = {**os.environ, "SLURM_HOME": str(home), "SLURM_CONF": str(home / "slurm.conf")}
    environment["PYTHONUNBUFFERED"] = "1"
    try:
        up = subprocess.run(
            ["bash", scripts / "slurm-up.sh"], env=environment, capture_output=True, text=True, check=False
        )
        missing = [name for name in PROGRAMS if shutil.which(name) is None]
        if missing:
            pytest.skip(f"{missing[0]} cannot be installed: {up.stderr.strip().splitlines()[-1:]}")
        assert up.returncode == 0, up.stdout + up.stderr
        yield Slurm(scripts, environment)
    finally:
        _end_jobs(environment)
        subprocess.run(["bash", scripts / "slurm-down.sh", "purge"], env=environment, check=False)
