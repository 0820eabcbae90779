"""Snakemake's ``--logger flowgrad``: one line that moves on a terminal, a line now and then elsewhere.

Snakemake finds the package by its name. Its full log stays in ``.snakemake/log``.
"""

from __future__ import annotations

import logging
import shutil
import sys
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

if TYPE_CHECKING:
    from flowgrad.workflow.progress import Job, Progress

__all__ = ["LogHandler"]

TENTHS = 10
LONGEST_SILENCE_S = 600.0
"""Without a terminal: a line at each tenth of the work, and after this time."""
MOVES_S = 1.0
CLEAR = "\r\x1b[2K"
NOTHING, LOGS = "Nothing to be done", "Complete log(s)"
"""How those of the engine's notes begin that are passed on; the second where a run failed."""


class LogHandler(LogHandlerBase):
    """Says how far a run is, and passes on what the engine warns of."""

    def __post_init__(self) -> None:
        """Begin without any job."""
        # as the engine's own: what a dry run prints is its result
        self._stream = sys.stdout if self.common_settings.stdout else sys.stderr
        self._moves = self._stream.isatty()
        self._progress: Progress | None = None
        self._shown, self._failed = False, False
        self._said_share, self._said_at = 0, 0.0
        self._ended = threading.Event()
        # emit has the handler's own lock, but what moves the line and what ends it have not
        self._whole = threading.RLock()

    def expect(self, jobs: Mapping[int, Job]) -> None:
        """Take the jobs that the run will do, and begin to say how far it is."""
        # here, because Snakemake imports every plugin that is installed before it reads a Snakefile, which may be
        # that of another clone: its own package must come first
        from flowgrad.workflow.progress import Progress

        with self._whole:
            self._progress = Progress(jobs, began=time.time())
            self._say_progress()
        if self._moves:
            threading.Thread(target=self._keep_moving, daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a note of the engine."""
        with self._whole:
            self._take(record)

    def _take(self, record: logging.LogRecord) -> None:
        event, words = getattr(record, "event", None), str(record.msg or "")
        if self._progress is not None and event in (LogEvent.JOB_STARTED, LogEvent.JOB_FINISHED, LogEvent.JOB_ERROR):
            if event == LogEvent.JOB_STARTED:
                self._progress.start(getattr(record, "jobs", ()), record.created)
            elif event == LogEvent.JOB_FINISHED:
                self._progress.finish(getattr(record, "job_id", -1), record.created)
            else:
                # what the job itself said of it is on the terminal, and the run's last lines name it
                self._progress.fail(getattr(record, "jobid", -1))
            self._say_progress()
        elif event in (LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR) or record.levelno >= logging.WARNING:
            self._failed |= record.levelno >= logging.ERROR
            self._say(self.format(record))
        elif event is None and (words.startswith(NOTHING) or (self._failed and words.startswith(LOGS))):
            self._say(words)

    def flush(self) -> None:
        """End the line that moves, and say what came out; nothing moves from here on."""
        with self._whole:
            if self._progress is not None and not self._ended.is_set():
                from flowgrad.workflow.progress import last_line

                self._ended.set()
                self._say(last_line(self._progress, time.time()))

    def close(self) -> None:
        """End with the run."""
        self.flush()
        super().close()

    def _keep_moving(self) -> None:
        while not self._ended.wait(MOVES_S):
            with self._whole:
                if not self._ended.is_set():
                    self._say_progress()

    def _say_progress(self) -> None:
        progress = self._progress
        if progress is None or self._ended.is_set():
            return
        from flowgrad.workflow.progress import line

        now = time.time()
        if self._moves:
            width = shutil.get_terminal_size().columns - 1
            self._write(f"{CLEAR}{line(progress, now)[:width]}")
            self._shown = True
            return
        share = int(TENTHS * progress.share)
        if self._said_share < share < TENTHS or now - self._said_at > LONGEST_SILENCE_S:
            self._said_share, self._said_at = share, now
            self._write(f"{line(progress, now)}\n")

    def _say(self, words: str) -> None:
        """Write whole lines, above the line that moves."""
        self._write(f"{CLEAR if self._shown else ''}{words}\n")
        self._shown = False

    def _write(self, words: str) -> None:
        try:
            self._stream.write(words)
            self._stream.flush()
        except (OSError, ValueError):  # nobody reads any more, or the stream is closed
            self._ended.set()

    @property
    def writes_to_stream(self) -> bool:
        """Return that it takes the place of the engine's own lines."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Return that it writes no file."""
        return False

    @property
    def has_filter(self) -> bool:
        """Return that it chooses itself what it passes on."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Return that errors look as the engine formats them."""
        return False

    @property
    def needs_rulegraph(self) -> bool:
        """Return that it needs none."""
        return False
