"""One clock for a file whose time stamps restart, jump or lie: pure arithmetic on what was read of its packets.

A track is described by its runs: stretches of packets whose stamps follow each other. Where two runs of a track do not
follow each other there is a reason, and each has its answer:

* *a hole*: nothing was recorded, or a picture stood still. The stamps are right; they stay.
* *a joint*: recordings were joined, or the clock was set. What comes after follows what came before, pictures and
  sound by the same offset.
* *a lie*: some packets have stamps that fit nowhere, and those after them go on as if they had had the right ones.
  They take the place where they lie in the file.

Which it is decide the packets themselves: a long hole of one track is one in which the other track goes on, or one that
the packet before declares as its own length. So no stamp can claim much more time than the file holds packets for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from flowgrad.media.runs import BACK_S, BREAK_S, Run

LONG_S = 10.0
"""A picture that stands for longer is worth a word; a gap in the stamps that is longer needs a reason."""
FEW = 3
"""At the start or the end of a track no more packets than this are a lie; more are a recording."""
SPLICED_S = 1.25
"""Pictures of a splice begin at a key frame that is so long before the sound goes on, at most."""
RETURNS_AFTER = 8
"""Stamps that lie do so in no more runs than this."""
OVERLAP_S = 0.05
"""Where recordings were joined, sound may reach into the next by this: its packets end where pictures do not."""
STEADY_S = 60.0
"""Slides without sound may follow each other as slowly as this."""
STANDING_S = 600.0
"""For so long in all may pictures stand still, each more than ``LONG_S``, while no sound passes."""
TOGETHER = 100
"""Packets of both tracks that belong together lie this near to each other in the file."""
TRACKS = ("pictures", "sound")


@dataclass(frozen=True)
class Shift:
    """From packet ``packet`` of a track on, ``seconds`` are to be added to its stamps."""

    packet: int
    seconds: float


@dataclass(frozen=True)
class Joint:
    """A place where the clock was repaired: when, on the right clock, and how far the stamps jump there, seconds."""

    time: float
    gap: float


@dataclass(frozen=True)
class Clock:
    """How the stamps of a file are to be corrected.

    Attributes:
        shifts: by track, in order; none for a track whose stamps are right.
        joints: where parts follow each other.
        lies: how many packets have a stamp that fits nowhere, by track.
        standing_left: how long a picture may still stand while no sound passes, seconds.
        apart: how long after all that the other track holds a track begins by its stamps, seconds; it was moved.
    """

    shifts: Mapping[str, tuple[Shift, ...]] = field(default_factory=dict)
    joints: tuple[Joint, ...] = ()
    lies: Mapping[str, int] = field(default_factory=dict)
    standing_left: float = STANDING_S
    apart: Mapping[str, float] = field(default_factory=dict)

    @property
    def repaired(self) -> bool:
        """Return whether anything was corrected."""
        return bool(self.joints) or bool(self.apart) or any(self.lies.values())


def repair(pictures: Sequence[Run], sound: Sequence[Run], abrupt: bool) -> Clock:
    """Return how the stamps of a file are to be corrected.

    Args:
        pictures: the runs of the video track.
        sound: the runs of the audio track.
        abrupt: the container is one in which stamps jump where recordings were joined (MPEG-TS, MPEG-PS): a gap that
            no packet declares is not a picture that stands.
    """
    every: dict[str, Sequence[Run]] = dict(zip(TRACKS, (pictures, sound), strict=True))
    tracks = _without_lying_starts({name: _without_lies(runs) for name, runs in every.items()})
    together = _started_apart(tracks)
    for name, shift in together.items():
        every[name], tracks[name] = _moved(every[name], shift), _moved(tracks[name], shift)
    gaps, standing_left = _joint_gaps(tracks, abrupt)
    parts = _parts(tracks, gaps)
    offsets, joints = _offsets(parts, tracks)
    seconds = {
        name: _seconds(every[name], {run.packet: offsets[name, run.packet] for run in tracks[name]}) for name in TRACKS
    }
    _keep_together(every, seconds)
    return Clock(
        {name: _shifts(every[name], seconds[name], together.get(name, 0.0)) for name in TRACKS},
        tuple(joints),
        {name: sum(run.packets for run in every[name]) - sum(run.packets for run in tracks[name]) for name in TRACKS},
        standing_left,
        {name: -shift for name, shift in together.items()},
    )


_Key = tuple[str, int]
"""A run: its track and its first packet."""


def _started_apart(tracks: Mapping[str, Sequence[Run]]) -> dict[str, float]:
    """Return by how much a track is to be moved that starts long after all that the other holds, by its stamps."""
    starts = {name: runs[0].start for name, runs in tracks.items() if runs}
    if len(starts) < len(TRACKS):
        return {}
    first, late = sorted(TRACKS, key=lambda name: starts[name])
    before = max((run.end for run in tracks[first] if run.start <= starts[late]), default=starts[late])
    return {late: starts[first] - starts[late]} if starts[late] - before > LONG_S else {}


def _moved(runs: Sequence[Run], seconds: float) -> list[Run]:
    return [replace(run, start=run.start + seconds, end=run.end + seconds) for run in runs]


def _follows(first: Run, second: Run) -> bool:
    return -BACK_S <= second.start - first.end <= 1.0


def _without_lies(runs: Sequence[Run]) -> list[Run]:
    """Return the runs of a track without those after which the stamps go on as if they had not been."""
    kept: list[Run] = []
    place = 0
    while place < len(runs):
        if kept and not runs[place].declared:
            after = _returning(kept[-1], runs, place)
            if after > place:
                # what lies is of the run before it
                length = sum(run.end - run.start for run in runs[place:after])
                kept[-1] = replace(kept[-1], last=runs[after - 1].last, end=kept[-1].end + length)
                place = after
        kept.append(runs[place])
        place += 1
    return kept


def _returning(before: Run, runs: Sequence[Run], place: int) -> int:
    """Return the run from ``place`` on whose stamps are right if all between it and ``before`` lie; else ``place``."""
    passed = 0.0
    for ahead in range(place, min(place + RETURNS_AFTER, len(runs) - 1)):
        passed += runs[ahead].end - runs[ahead].start
        if abs(runs[ahead + 1].start - before.end - passed) <= BACK_S and not _follows(before, runs[place]):
            return ahead + 1
    return place


def _without_lying_starts(tracks: dict[str, list[Run]]) -> dict[str, list[Run]]:
    """Return the tracks without a first run of a few packets that fits neither what follows nor the other track."""
    for name, other in zip(TRACKS, reversed(TRACKS), strict=True):
        while len(tracks[name]) > 1:
            start, after = tracks[name][:2]
            gap = after.start - start.end
            if not start.packets <= FEW < after.packets or -BACK_S <= gap <= LONG_S or after.declared:
                break
            alone = bool(tracks[other]) and not any(_near(run, start) for run in tracks[other])
            if gap > 0 and not (alone and any(_near(run, after) for run in tracks[other])):
                break
            del tracks[name][0]
    return tracks


def _near(run: Run, other: Run) -> bool:
    return run.start - LONG_S <= other.start <= run.end + LONG_S


def _joint_gaps(tracks: Mapping[str, Sequence[Run]], abrupt: bool) -> tuple[dict[_Key, float], float]:
    """Return the gaps that are joints, by the run after them, and how long pictures may still stand.

    A gap of at most ``LONG_S`` is a hole. So is a longer one of which the other track fills half, and one in which a
    picture stands: it says so itself, or there is no sound that would come back with the next one; as long as there is
    time left for that. All others are joints.
    """
    joints: dict[_Key, float] = {}
    left, pace = STANDING_S, _pace(tracks)
    filled = {name: list(runs) for name, runs in tracks.items()}
    for name, other in zip(TRACKS, reversed(TRACKS), strict=True):
        for before, run in pairwise(tracks[name]):
            gap = run.start - before.end
            hole = -BACK_S <= gap <= LONG_S or (gap > 0 and _share(before, run, filled[other]) >= 0.5)
            hole |= gap < 0 and _goes_back_alone(run, gap, tracks[other])
            if name == "pictures" and 0 < gap <= pace:
                hole = True
            if not hole and name == "pictures" and 0 < gap <= left:
                hole = run.declared or not (abrupt or _doubtful(run, tracks["sound"]))
                left -= gap if hole else 0.0
            if not hole:
                joints[name, run.packet] = gap
            elif gap > 0 and name == "pictures":
                # the sound that is missing while a picture stands is missing
                filled[name].append(Run(-1, 0, before.last, run.first, before.end, run.start))
        filled[name].sort(key=lambda run: run.first)
    for name, other in zip(TRACKS, reversed(TRACKS), strict=True):
        # a hole that lies in a joint of the other track is of that joint
        gone = [
            Run(-1, 0, before.last, run.first, before.end, run.start)
            for before, run in pairwise(tracks[other])
            if joints.get((other, run.packet), 0.0) > 0
        ]
        for before, run in pairwise(tracks[name]):
            if run.start > before.end and (name, run.packet) not in joints and _share(before, run, gone) >= 0.5:
                joints[name, run.packet] = run.start - before.end
    return joints, left


def _doubtful(run: Run, sound: Sequence[Run]) -> bool:
    """Return whether pictures after a silent gap are more likely of another clock: sound comes with them, or few do."""
    return any(other.end > run.start - BREAK_S for other in sound) or (bool(sound) and run.packets <= FEW)


def _goes_back_alone(run: Run, gap: float, runs: Sequence[Run]) -> bool:
    """Return whether stamps go back while the other track goes on near by: pictures that overlap, and no new clock."""
    for before, after in pairwise(runs):
        if abs(after.first - run.first) <= TOGETHER and abs(after.start - before.end - gap) <= LONG_S:
            return False
    across = next((other for other in runs if other.first < run.first < other.last), None)
    if across is None:
        return False
    passed = (run.first - across.first) / (across.last - across.first)
    return abs(across.start + passed * (across.end - across.start) - run.start) <= SPLICED_S


def _pace(tracks: Mapping[str, Sequence[Run]]) -> float:
    """Return up to which gap pictures follow each other steadily, as slides do, in a file without sound; else 0."""
    pictures = tracks["pictures"]
    if tracks["sound"] or 2 * len(pictures) < sum(run.packets for run in pictures):
        return 0.0
    gaps = sorted(after.start - run.end for run, after in pairwise(pictures))
    return min(1.5 * gaps[len(gaps) // 2], STEADY_S) if gaps else 0.0


def _share(before: Run, after: Run, runs: Sequence[Run]) -> float:
    """Return which share of the time between two runs is filled by runs that lie there in the file."""
    # one run more on either side: tracks are interleaved by the second, not by the packet
    place = max(bisect_left(runs, before.last, key=lambda run: run.last) - 1, 0)
    total, beyond = 0.0, 0
    while place < len(runs) and beyond < 2:
        run = runs[place]
        total += max(0.0, min(run.end, after.start) - max(run.start, before.end))
        beyond += run.first > after.first
        place += 1
    return total / (after.start - before.end)


@dataclass
class _Part:
    """Runs that share one clock; ``gap``: how far their stamps are from those before."""

    gap: float
    opened: int
    runs: dict[str, list[Run]] = field(default_factory=lambda: {name: [] for name in TRACKS})

    @property
    def start(self) -> float:
        return min(run.start for runs in self.runs.values() for run in runs)


def _parts(tracks: Mapping[str, Sequence[Run]], joints: Mapping[_Key, float]) -> list[_Part]:
    """Return the parts that follow each other, in the order of the file."""
    parts = [_Part(0.0, -1)]
    of_track: dict[str, _Part] = {}
    for name, run in sorted(
        ((name, run) for name, runs in tracks.items() for run in runs), key=lambda pair: pair[1].first
    ):
        gap = joints.get((name, run.packet))
        if gap is not None:
            newest = parts[-1]
            if newest is of_track[name] or newest.runs[name] or abs(gap - newest.gap) > LONG_S:
                parts.append(_Part(gap, run.first))
            of_track[name] = parts[-1]
        of_track.setdefault(name, parts[-1])
        of_track[name].runs[name].append(run)
    return [part for part in parts if any(part.runs.values())]


def _offsets(parts: Sequence[_Part], tracks: Mapping[str, Sequence[Run]]) -> tuple[dict[_Key, float], list[Joint]]:
    """Return what is to be added to the stamps of every run, and where the parts meet."""
    offsets: dict[_Key, float] = {}
    ends: dict[str, float] = {}
    joints = []
    for part in parts:
        shift = 0.0
        if ends:
            shift = _following(part, ends, tracks)
            joints.append(Joint(part.start + shift, part.gap))
        for name, runs in part.runs.items():
            for run in runs:
                offsets[name, run.packet] = shift
                ends[name] = max(ends.get(name, run.end + shift), run.end + shift)
    return offsets, joints


def _following(part: _Part, ends: Mapping[str, float], tracks: Mapping[str, Sequence[Run]]) -> float:
    """Return what is to be added to the stamps of a part, so that it follows what came before."""
    own = [
        ends[name] - min(run.start for run in runs) - (OVERLAP_S if name == "sound" else 0.0)
        for name, runs in part.runs.items()
        if runs and name in ends
    ]
    # the other track goes on over this joint, or a few packets are left: the track follows itself alone
    alone = any(tracks[name][-1].last > part.opened for name in ends if not part.runs[name])
    alone |= sum(run.packets for runs in part.runs.values() for run in runs) <= FEW
    if all(name in ends for name, runs in part.runs.items() if runs) and (alone or all(part.runs.values())):
        return max(own)
    return max([*own, max(ends.values()) - part.start])


def _seconds(runs: Sequence[Run], offsets: Mapping[int, float]) -> list[float]:
    """Return what is to be added to each run of a track; those without an offset come to where they lie in the file."""
    seconds = []
    # what lies at the start ends where the first true run begins
    end = next((run.start + offsets[run.packet] for run in runs if run.packet in offsets), 0.0)
    for place, run in enumerate(runs):
        length = run.end - run.start
        seconds.append(offsets.get(run.packet, end - run.start - (length if place == 0 else 0.0)))
        end = run.end + seconds[-1]
    return seconds


def _keep_together(tracks: Mapping[str, Sequence[Run]], seconds: Mapping[str, list[float]]) -> None:
    """Give pictures the correction of the sound that lies beside them in the file with stamps of the same time."""
    sound = tracks["sound"]
    place = 0
    for number, run in enumerate(tracks["pictures"]):
        while place < len(sound) and sound[place].last < run.first:
            place += 1
        beside = [
            (min(other.last, run.last) - max(other.first, run.first), at)
            for at, other in enumerate(sound[place : place + RETURNS_AFTER], place)
            if other.first <= run.last and other.start - BREAK_S <= run.start <= other.end + BREAK_S
        ]
        if run.packets > FEW and beside:
            seconds["pictures"][number] = seconds["sound"][max(beside)[1]]


def _shifts(runs: Sequence[Run], seconds: Sequence[float], always: float) -> tuple[Shift, ...]:
    """Return the corrections of a track as the places where they change."""
    shifts: list[Shift] = []
    for run, one in zip(runs, seconds, strict=True):
        if one + always != (shifts[-1].seconds if shifts else 0.0):
            shifts.append(Shift(run.packet, one + always))
    return tuple(shifts)
