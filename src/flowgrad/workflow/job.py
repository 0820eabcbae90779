"""What every rule script is wrapped in: the log, the run, and one sentence where something is a user's to mend."""

from __future__ import annotations

import contextlib
import gc
import logging
import math
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flowgrad import artifacts
from flowgrad.errors import InputError, first_line
from flowgrad.workflow.run import Run, job_run


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[Run]:
    """Run a rule script: log to the rule's log file, and end on a user's error with one sentence, not a traceback."""
    Path(snakemake.log[0]).parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=snakemake.log[0],
        filemode="w",
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    log = logging.getLogger(f"flowgrad.{snakemake.rule}")
    wildcards = dict(snakemake.wildcards.items())
    log.info("%s %s, process %d, started %.2f s ago", snakemake.rule, wildcards, os.getpid(), _age())
    log.info("versions: %s", artifacts.library_versions("snakemake", "numpy"))
    # a job that is cancelled leaves no scratch behind
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    start = time.monotonic()
    try:
        yield job_run(snakemake.config)
    except InputError as error:
        log.error("status=failed reason=%s", error)
        _leave_the_moving_line()
        print(f"{snakemake.rule}: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(1) from error
    except BaseException as error:
        log.exception("status=failed error=%s: %s", type(error).__name__, first_line(error))
        _leave_the_moving_line()
        raise
    took, worked = time.monotonic() - start, sum(os.times()[:4])
    log.info("status=ok seconds=%.1f processor_seconds=%.1f memory_mb=%d", took, worked, _peak_memory())
    # Python would look through all that is loaded once more as it ends: up to half a second
    gc.freeze()


def _leave_the_moving_line() -> None:
    """Clear what the run's own process may be showing on this terminal (``--logger flowgrad``)."""
    if sys.stderr.isatty():
        print("\r\x1b[2K", end="", file=sys.stderr, flush=True)  # noqa: T201


def _age() -> float:
    """Return for how many seconds this process has been running, NaN where the system does not say.

    It is what a job pays before its work begins; benchmarks/startup.py adds it up.
    """
    fields = Path("/proc/self/stat")
    if not fields.is_file():
        return math.nan
    # ticks since the machine started: a date made from them, such as psutil's, is off by up to a second
    ticks = int(fields.read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def _peak_memory() -> int:
    """Return the most memory that this process has held, in MB; 0 where the system does not say."""
    status = Path("/proc/self/status")
    # not getrusage: what that gives is never less than the process that started this one held, which is the engine
    found = re.search(r"^VmHWM:\s*(\d+) kB", status.read_text(), re.MULTILINE) if status.is_file() else None
    return int(found[1]) >> 10 if found else 0
