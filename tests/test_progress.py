"""The line that a run shows: what it counts, when it speaks, and that it keeps out of the way of everything else."""

from __future__ import annotations

import contextlib
import logging
import os
import pty
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

from flowgrad import paths
from flowgrad.plan import Plan
from flowgrad.shard import PlannedClip
from flowgrad.workflow.progress import Job, Progress, announce, duration, last_line, line, settle
from snakemake_logger_plugin_flowgrad import CLEAR, LogHandler

TWO = {
    1: Job("decode", "00001.json", 4),
    2: Job("decode", "00002.json", 2),
    3: Job("detect", "00001.json", 4),
    4: Job("detect", "00002.json", 2),
    5: Job("clips"),
}


def test_a_clip_is_done_when_all_its_jobs_are():
    progress = Progress(TWO, began=0)
    progress.start([1, 2], now=0)
    assert progress.clips() == (0, 6)
    progress.finish(1, now=5)
    assert (progress.clips("decode"), progress.clips()) == ((4, 6), (0, 6))
    progress.start([3], now=5)
    progress.finish(3, now=30)
    assert progress.clips() == (4, 6)
    assert line(progress, now=30).startswith("decode 4 of 6 clips; ")


def test_the_time_that_is_left_follows_what_jobs_take_here():
    """Ten times as long as usual: for a rule that has ended, for one that has not, and for one that runs too long."""
    jobs = {number: Job("detect", f"{number}.json", 10) for number in range(1, 6)}
    usual = jobs[1].usual_s
    progress = Progress(jobs | {9: Job("heatmaps", "1.json", 10)}, began=0)
    assert progress.left(now=5) is None, "nothing is known before a job has ended"
    progress.start([1], now=0)
    progress.finish(1, now=10 * usual)
    assert progress.left(now=10 * usual) == pytest.approx(10 * (4 * usual + Job("heatmaps", "", 10).usual_s))
    progress.start([2, 3], now=10 * usual)
    for number in (2, 3):
        progress.finish(number, now=20 * usual)
    rest = 10 * (2 * usual + Job("heatmaps", "", 10).usual_s)
    assert progress.left(now=20 * usual) == pytest.approx(rest * 2 / 3), "three jobs in the time of two"
    progress.start([4], now=20 * usual)
    assert progress.left(now=60 * usual) > 40 * usual * 60 / 70, "the next takes as long as the one that runs"


def test_the_share_only_grows():
    progress, seen = Progress(TWO, began=0), []
    for number, _ in enumerate(TWO, 1):
        progress.start([number], now=number)
        progress.finish(number, now=100 * number)
        seen.append(progress.share)
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert last_line(progress, now=600) == "6 of 6 clips done after 10 min"


def test_a_job_that_failed_is_counted_until_it_is_done():
    progress = Progress(TWO, began=0)
    progress.start([1, 99], now=0)
    progress.fail(1)
    progress.fail(99)
    assert line(progress, now=60).endswith(", 1 failed")
    assert last_line(progress, now=60) == "0 of 6 clips done after 1 min, 1 job failed"
    progress.start([1], now=60)
    progress.finish(1, now=70)
    assert "failed" not in line(progress, now=70)


def test_many_steps_at_once_leave_room_for_the_time():
    jobs = {number: Job(rule, "1.json", 8) for number, rule in enumerate(("decode", "flow", "detect", "heatmaps"))}
    progress = Progress(jobs, began=0)
    progress.start(jobs, now=0)
    assert line(progress, now=9) == "decode 0 of 8, flow 0 of 8, detect 0 of 8 clips; 0 %, 9 s so far"


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h 0 min")])
def test_a_time_is_said_as_a_person_says_it(seconds, words):
    assert duration(seconds) == words


# the plugin


def note(words: str | None, level: int = logging.INFO, **more: object) -> logging.LogRecord:
    record = logging.LogRecord("snakemake.logging", level, "", 0, words, None, None)
    record.__dict__.update(more)
    return record


def handler(stream) -> LogHandler:
    made = LogHandler(SimpleNamespace(stdout=False), None)
    made._stream, made._moves = stream, stream.isatty()
    made.setFormatter(logging.Formatter("%(message)s"))
    return made


def everything_from(terminal: int) -> str:
    """What was written to a terminal whose other side is closed; a read gives what has arrived, not all of it."""
    said = b""
    # at the end Linux gives an error, other systems nothing
    with open(terminal, "rb", buffering=0) as stream, contextlib.suppress(OSError):
        while more := stream.read(10_000):
            said += more
    return said.decode()


def play(made: LogHandler, jobs: dict[int, Job]) -> None:
    """A run of jobs, one after the other."""
    made.expect(jobs)
    for number in jobs:
        made.handle(note("Select jobs to execute..."))
        made.handle(note("Execute 1 jobs...", event=LogEvent.JOB_STARTED, jobs=[number]))
        made.handle(note(f"Finished jobid: {number}", event=LogEvent.JOB_FINISHED, job_id=number))
        made.handle(note(None, event=LogEvent.PROGRESS, done=number, total=len(jobs)))


def test_snakemake_finds_it():
    assert "flowgrad" in LoggerPluginRegistry().plugins


def test_without_a_terminal_a_run_says_a_line_at_each_tenth(tmp_path):
    with (tmp_path / "out").open("w+") as stream:
        made = handler(stream)
        play(made, {number: Job("decode", f"{number}.json", 3) for number in range(200)})
        made.flush()
        made.handle(note("WorkflowError:\nAt least one job\ndid not complete", logging.ERROR))
        stream.seek(0)
        lines = stream.read().splitlines()
    assert len(lines) == 1 + 9 + 1 + 3
    assert [text.partition(" %")[0].rpartition(" ")[2] for text in lines[:10]] == [str(10 * n) for n in range(10)]
    assert lines[10].startswith("600 of 600 clips done after")
    assert lines[-1] == "did not complete", "an error appears in whole"


def test_on_a_terminal_one_line_moves_and_ends_before_what_the_run_prints():
    main, side = pty.openpty()
    with os.fdopen(side, "w") as stream:
        made = handler(stream)
        made.expect(TWO)
        made.handle(note("", event=LogEvent.JOB_STARTED, jobs=[1]))
        made.handle(note("a warning", logging.WARNING))
        made.handle(note("", event=LogEvent.JOB_FINISHED, job_id=1))
        settle(SimpleNamespace(logger_manager=SimpleNamespace(queue_listener=None, get_log_handlers=lambda: [made])))
        stream.write("the table\n")
        stream.flush()
        made.handle(note("", event=LogEvent.JOB_FINISHED, job_id=2))
        made.close()
    moving = everything_from(main).replace("\r\n", "\n").split(CLEAR)
    assert moving[2].startswith("decode 0 of 6 clips; 0 %")
    assert moving[3] == "a warning\n", "in a line of its own"
    assert moving[-1].startswith("0 of 6 clips done after")
    assert moving[-1].endswith("\nthe table\n"), "and nothing moves from then on"


def test_nothing_to_do_and_the_log_of_a_failed_run_are_said(tmp_path):
    with (tmp_path / "out").open("w+") as stream:
        made = handler(stream)
        for words in ("Building DAG of jobs...", "Nothing to be done (all is there).", "Complete log(s): here"):
            made.handle(note(words))
        made.handle(note("something is wrong", logging.ERROR))
        made.handle(note("Complete log(s): here"))
        made.close()
        stream.seek(0)
        said = stream.read()
    assert said == "Nothing to be done (all is there).\nsomething is wrong\nComplete log(s): here\n"


def test_a_job_counts_the_clips_of_its_shard(tmp_path, monkeypatch):
    """The engine's jobs as the plugin is told them: a shard's file says how many clips; a target is no job."""
    monkeypatch.chdir(tmp_path)
    clips = [PlannedClip(name, f"{name}.mp4", "") for name in "abc"]
    Plan(Path(paths.RESULTS))._write_shard("00001", clips)
    Plan(Path(paths.TRAINING))._write_shard("00001", clips[:2])

    def job(number: int, rule: str, output: list[str], **wildcards: str) -> SimpleNamespace:
        return SimpleNamespace(jobid=number, rule=SimpleNamespace(name=rule), output=output, wildcards_dict=wildcards)

    jobs = [
        job(1, "decode", ["x"], shard="00001"),
        job(2, "render", ["x"], shard="00001", part="unlabelled"),
        job(3, "summary", ["x"]),
        job(4, "all", []),
    ]
    told = []
    manager = SimpleNamespace(get_log_handlers=lambda: [SimpleNamespace(expect=told.append), logging.NullHandler()])
    announce(SimpleNamespace(logger_manager=manager, dag=SimpleNamespace(needrun_jobs=lambda: jobs)))
    assert told == [
        {
            1: Job("decode", "results/plan/shards/00001.json", 3),
            2: Job("render", "results/training/plan/shards/00001.json", 2),
            3: Job("summary"),
        }
    ]
