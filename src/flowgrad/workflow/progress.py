"""How far a run is, as one line: step, clips done of all, time left. Pure, but for :func:`announce`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowgrad import paths

NETWORK_S, ARRAYS_S = 7.0, 1.0
"""Seconds that a job takes to start, with and without torch."""
CLIP_S = {
    "render": 3.0,
    "samples": 4.0,
    "decode": 0.4,
    "flow": 2.0,
    "background": 1.0,
    "heatmaps": 4.5,
    "heatmaps_apart": 4.5,
    "arithmetic": 0.5,
    "detect": 3.6,
}
"""Seconds that a clip of 10 s at 400x225 takes in a job (docs/speed.md): how jobs compare before any has ended."""
WHOLE_S = {"fit": 600.0, "fit_detector": 600.0, "listening": 20.0}
"""Seconds of jobs that are of no shard."""
OTHER_S = 0.1
SETTLES_S = 5.0
"""How long a run waits at most until all is said that was heard."""
STEPS = 3
"""Of the steps that run at once, how many are named."""
NETWORKS = frozenset({"heatmaps", "heatmaps_apart", "detect", "listening", "fit", "fit_detector"})


@dataclass(frozen=True)
class Job:
    """A job that is to be done.

    Attributes:
        rule: of the workflow.
        shard: the file that lists its clips; empty where it is of none.
        clips: how many clips that file lists.
    """

    rule: str
    shard: str = ""
    clips: int = 0

    @property
    def usual_s(self) -> float:
        """Return the seconds that it takes on the machine of docs/speed.md."""
        start = NETWORK_S if self.rule in NETWORKS else ARRAYS_S
        return start + WHOLE_S.get(self.rule, 0) + CLIP_S.get(self.rule, OTHER_S) * self.clips


@dataclass
class Progress:
    """What has become of the jobs of a run. Times are in seconds, of one clock.

    Attributes:
        jobs: what is to be done, by the engine's numbers.
        began: when the run began.
        started: when each job that runs started.
        took: how long each job that ended took.
        failed: the jobs that failed, and were not done since.
    """

    jobs: Mapping[int, Job]
    began: float
    started: dict[int, float] = field(default_factory=dict)
    took: dict[int, float] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)

    def start(self, numbers: Iterable[int], now: float) -> None:
        """Note that jobs start."""
        begun = {number: now for number in numbers if number in self.jobs}
        self.started |= begun
        # tried again
        self.failed -= begun.keys()

    def finish(self, number: int, now: float) -> None:
        """Note that a job is done."""
        if number in self.jobs:
            self.took[number] = now - self.started.pop(number, now)
            self.failed.discard(number)

    def fail(self, number: int) -> None:
        """Note that a job failed."""
        if self.started.pop(number, None) is not None:
            self.failed.add(number)

    @property
    def steps(self) -> list[str]:
        """Return the rules that run, in the order in which they started."""
        return list(dict.fromkeys(self.jobs[number].rule for number in self.started))

    def clips(self, rule: str | None = None) -> tuple[int, int]:
        """Return how many clips are through all jobs of a rule, or of all rules, and how many have any."""
        jobs = {number: job for number, job in self.jobs.items() if job.shard and rule in (None, job.rule)}
        waiting = {job.shard for number, job in jobs.items() if number not in self.took}
        count = {job.shard: job.clips for job in jobs.values()}
        return sum(clips for shard, clips in count.items() if shard not in waiting), sum(count.values())

    @property
    def share(self) -> float:
        """Return the share of the work that is done, from 0 to 1: each job counts as much as it usually takes."""
        whole = sum(job.usual_s for job in self.jobs.values())
        return sum(self.jobs[number].usual_s for number in self.took) / whole if whole else 1.0

    def left(self, now: float) -> float | None:
        """Return the seconds that the other jobs will probably take, None before any has ended.

        A job takes as much longer than usual as those of its rule that have ended, or all that have, and at least as
        one that runs; and as many run at once as did until now.
        """
        if not self.took or now <= self.began:
            return None
        slower = self._slower([*self.took])
        rules = {
            rule: self._slower([number for number in self.took if self.jobs[number].rule == rule])
            for rule in {self.jobs[number].rule for number in self.took}
        }
        for number, start in self.started.items():
            job = self.jobs[number]
            rules[job.rule] = max(rules.get(job.rule, slower), (now - start) / job.usual_s)
        waiting, running, busy = 0.0, [0.0], sum(self.took.values())
        for number, job in self.jobs.items():
            if number in self.took or number in self.failed:
                continue
            seconds = job.usual_s * rules.get(job.rule, slower)
            if number in self.started:
                gone = now - self.started[number]
                busy += gone
                running.append(max(seconds - gone, 0))
            else:
                waiting += seconds
        at_once = max(busy / (now - self.began), 0.1)
        return max((waiting + sum(running)) / at_once, *running)

    def _slower(self, ended: list[int]) -> float:
        return sum(self.took[number] for number in ended) / sum(self.jobs[number].usual_s for number in ended)


def line(progress: Progress, now: float) -> str:
    """Return how far a run is.

    >>> jobs = {1: Job("decode", "00001.json", 6), 2: Job("decode", "00002.json", 4), 3: Job("clips")}
    >>> progress = Progress(jobs, began=0)
    >>> line(progress, now=0)
    '0 of 10 clips done; 0 %, 0 s so far'
    >>> progress.start([1], now=0)
    >>> line(progress, now=1)
    'decode 0 of 10 clips; 0 %, 1 s so far'
    >>> progress.finish(1, now=90)
    >>> progress.start([2, 3], now=90)
    >>> line(progress, now=90)
    'clips, decode 6 of 10 clips; 48 %, 2 min left'
    """
    counts = {rule: progress.clips(rule) for rule in progress.steps}
    whole = [rule for rule, (_, clips) in counts.items() if not clips]
    some = [f"{rule} {done} of {clips}" for rule, (done, clips) in counts.items() if clips]
    steps = ", ".join([*whole, *some][:STEPS]) + (" clips" if some[: max(STEPS - len(whole), 0)] else "")
    if not counts and progress.clips()[1]:
        steps = "{} of {} clips done".format(*progress.clips())
    parts = [f"{int(100 * progress.share)} %"]
    left = progress.left(now)
    if progress.share < 1:
        parts.append(f"{duration(now - progress.began)} so far" if left is None else f"{duration(left)} left")
    if progress.failed:
        parts.append(f"{len(progress.failed)} failed")
    return "; ".join(filter(None, [steps, ", ".join(parts)]))


def last_line(progress: Progress, now: float) -> str:
    """Return what a run came to.

    >>> last_line(Progress({1: Job("clips")}, began=0, took={1: 3.0}), now=70)
    'all is done after 1 min'
    """
    done, clips = progress.clips()
    what = f"{done} of {clips} clips done" if clips else "all is done" if progress.share == 1 else "not all is done"
    count = len(progress.failed)
    failed = f", {count} job{'s' if count > 1 else ''} failed" if count else ""
    return f"{what} after {duration(now - progress.began)}{failed}"


def duration(seconds: float) -> str:
    """Return a time as a person says it.

    >>> duration(47.2), duration(200), duration(9000)
    ('47 s', '3 min', '2 h 30 min')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def announce(workflow: Any) -> None:
    """Tell the logger plugin, where it listens, which jobs the engine is about to do."""
    listeners = [handler for handler in workflow.logger_manager.get_log_handlers() if hasattr(handler, "expect")]
    if not listeners:
        return
    # a target makes nothing
    made = [job for job in workflow.dag.needrun_jobs() if job.output]
    shards = {job.jobid: _shard_of(job.wildcards_dict) for job in made}
    clips = {shard: _clips_in(shard) for shard in {*shards.values()} if shard}
    jobs = {job.jobid: Job(job.rule.name, shards[job.jobid], clips.get(shards[job.jobid], 0)) for job in made}
    for listener in listeners:
        listener.expect(jobs)


def settle(workflow: Any) -> None:
    """Have the logger plugin say all that it has heard, so that what the run prints next stands below it."""
    manager = workflow.logger_manager
    if manager.queue_listener is not None:
        # not join(): that would wait for ever should the thread behind it have died
        queue = manager.queue_listener.queue
        with queue.all_tasks_done:
            queue.all_tasks_done.wait_for(lambda: not queue.unfinished_tasks, SETTLES_S)
    for handler in manager.get_log_handlers():
        handler.flush()


def _shard_of(wildcards: Mapping[str, str]) -> str:
    """Return the file that lists the clips of a job; empty where it has no shard."""
    if "shard" not in wildcards:
        return ""
    learnt = "sample" in wildcards or wildcards.get("part") == "unlabelled"
    return (paths.training_shard if learnt else paths.shard_list)(wildcards["shard"])


def _clips_in(shard: str) -> int:
    from flowgrad.shard import read_shard

    return len(read_shard(Path(shard))) if Path(shard).is_file() else 0
