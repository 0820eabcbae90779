"""The clock of a file, from the stamps of its packets alone: what is a hole, what a joint, what a lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowgrad.media.clock import LONG_S, STANDING_S, Clock, repair
from flowgrad.media.runs import Run, RunBuilder

PICTURE_S, SOUND_S = 1 / 24, 0.02


class Tracks:
    """Two tracks whose packets lie in a file as a recorder writes them: in the order of their times."""

    def __init__(self) -> None:
        self.pictures, self.sound = RunBuilder(), RunBuilder()
        self._count = {"pictures": 0, "sound": 0}
        self._order = 0

    def record(self, seconds: float, at: float, pictures: bool = True, sound: bool = True) -> Tracks:
        """Append a recording whose stamps begin ``at``."""
        packets = [("pictures", n * PICTURE_S, PICTURE_S) for n in range(round(seconds / PICTURE_S)) if pictures]
        packets += [("sound", n * SOUND_S, SOUND_S) for n in range(round(seconds / SOUND_S)) if sound]
        for name, time, length in sorted(packets, key=lambda packet: packet[1]):
            self.packet(name, at + time, length)
        return self

    def packet(self, name: str, stamp: float, length: float) -> Tracks:
        builder = self.pictures if name == "pictures" else self.sound
        builder.add(self._count[name], self._order, stamp, length)
        self._count[name] += 1
        self._order += 1
        return self

    def clock(self, abrupt: bool = False) -> Clock:
        return repair(self.pictures.runs, self.sound.runs, abrupt)


def shifts(clock: Clock, name: str) -> list[tuple[int, float]]:
    return [(shift.packet, pytest.approx(shift.seconds, abs=1e-6)) for shift in clock.shifts[name]]


def test_stamps_that_follow_each_other_are_one_run():
    runs = Tracks().record(4, at=100).pictures.runs
    assert [(run.packet, run.packets) for run in runs] == [(0, 96)]
    assert runs[0].start == 100
    assert runs[0].end == pytest.approx(104)


def test_what_is_right_stays():
    clock = Tracks().record(20, at=3).clock()
    assert clock == Clock({"pictures": (), "sound": ()}, (), {"pictures": 0, "sound": 0}, STANDING_S)
    assert not clock.repaired


@pytest.mark.parametrize("abrupt", [False, True])
def test_a_clock_that_restarts_goes_on(abrupt):
    """The second part follows the first, pictures and sound by the same offset."""
    clock = Tracks().record(4, at=10).record(3, at=10).clock(abrupt)
    assert shifts(clock, "pictures") == [(96, 4.0)]
    assert shifts(clock, "sound") == [(200, 4.0)]
    assert [(round(joint.time, 3), round(joint.gap, 3)) for joint in clock.joints] == [(14, -4)]


def test_three_recordings_follow_each_other():
    clock = Tracks().record(4, at=10).record(3, at=0).record(2, at=500).clock(abrupt=True)
    assert shifts(clock, "pictures") == [(96, 14.0), (168, -483.0)]
    assert shifts(clock, "sound") == [(200, 14.0), (350, -483.0)]


def test_a_clock_that_jumps_by_an_hour_goes_on():
    clock = Tracks().record(4, at=0).record(4, at=3600).clock(abrupt=True)
    assert shifts(clock, "pictures") == [(96, -3596.0)]
    assert shifts(clock, "sound") == [(200, -3596.0)]


def test_sound_that_outlasts_the_pictures_is_not_cut_by_what_follows():
    tracks = Tracks().record(4, at=0)
    for number in range(200, 300):
        tracks.packet("sound", number * SOUND_S, SOUND_S)
    clock = tracks.record(4, at=0).clock()
    (shift,) = clock.shifts["pictures"]
    assert shift.seconds == pytest.approx(6.0, abs=0.06)
    assert clock.shifts["sound"][0].seconds == shift.seconds


def test_a_second_part_without_sound_follows_all_of_the_first():
    tracks = Tracks().record(4, at=0)
    for number in range(200, 300):
        tracks.packet("sound", number * SOUND_S, SOUND_S)
    clock = tracks.record(4, at=0, sound=False).clock()
    assert shifts(clock, "pictures") == [(96, 6.0)]
    assert clock.shifts["sound"] == ()


def test_sound_that_comes_with_the_second_part_is_of_its_clock():
    clock = Tracks().record(4, at=0, sound=False).record(4, at=0).clock()
    assert shifts(clock, "pictures") == [(96, 4.0)]
    assert shifts(clock, "sound") == [(0, 4.0)]


def test_a_hole_of_the_sound_is_a_hole():
    """The pictures go on for a minute without it."""
    clock = Tracks().record(5, at=0).record(60, at=5, sound=False).record(5, at=65).clock(abrupt=True)
    assert not clock.repaired


def test_a_picture_that_stands_while_sound_goes_on_is_right():
    clock = Tracks().record(5, at=0).record(900, at=5, pictures=False).record(5, at=905).clock(abrupt=True)
    assert not clock.repaired
    assert clock.standing_left == STANDING_S


def test_a_hole_of_both_is_kept_while_it_is_short():
    clock = Tracks().record(5, at=0).record(5, at=5 + 0.9 * LONG_S).clock(abrupt=True)
    assert not clock.repaired


def test_a_short_hole_in_a_jump_of_the_other_track_is_of_that_jump():
    """One track's gap is just above the limit, the other's just below: both are repaired, or sight and sound part."""
    tracks = Tracks().record(5, at=0)
    tracks.packet("sound", 5.0, SOUND_S)
    for number in range(20):
        tracks.packet("sound", 5.02 + number * SOUND_S, SOUND_S)
    clock = tracks.record(5, at=5.0 + LONG_S + 0.1).clock(abrupt=True)
    assert len(clock.joints) == 1
    assert clock.shifts["pictures"][0].seconds == clock.shifts["sound"][0].seconds


def test_a_picture_that_says_how_long_it_stands_is_believed():
    tracks = Tracks().packet("pictures", 0.0, 300.0)
    for number in range(100):
        tracks.packet("pictures", 300 + number * PICTURE_S, PICTURE_S)
    clock = tracks.clock()
    assert not clock.repaired
    assert clock.standing_left == pytest.approx(STANDING_S - 300)


def test_pictures_cannot_claim_more_than_there_is_time_for():
    """A hundred pictures that claim nine minutes each: one is believed, the others follow each other."""
    tracks = Tracks()
    for number in range(100):
        tracks.packet("pictures", number * 540.0, 540.0)
    clock = tracks.clock()
    assert clock.standing_left == pytest.approx(STANDING_S - 540)
    assert 99 * 540.0 + clock.shifts["pictures"][-1].seconds < STANDING_S + 100 * LONG_S


@pytest.mark.parametrize("place", [0, 1, 50, 94, 95])
@pytest.mark.parametrize("stamp", [-115_199.0, 115_199.0, 41.0])
def test_one_stamp_that_lies_costs_nothing(place, stamp):
    """A flipped byte in the stamp of one picture of a recording with sound: the picture stays where it lies."""
    tracks = Tracks()
    packets = [("pictures", n * PICTURE_S, PICTURE_S) for n in range(96)] + [
        ("sound", n * SOUND_S, SOUND_S) for n in range(200)
    ]
    for name, time, length in sorted(packets, key=lambda packet: packet[1]):
        lies = name == "pictures" and round(time / PICTURE_S) == place
        tracks.packet(name, stamp if lies else time, length)
    clock = tracks.clock()
    corrected, seconds = [], 0.0
    pending = list(clock.shifts["pictures"])
    for number in range(96):
        while pending and pending[0].packet <= number:
            seconds = pending.pop(0).seconds
        corrected.append((stamp if number == place else number * PICTURE_S) + seconds)
    assert corrected == pytest.approx([n * PICTURE_S for n in range(96)], abs=1.5 * PICTURE_S)
    assert clock.shifts["sound"] == ()


@pytest.mark.parametrize("by", [4.0, -3.0, 65.5, 4194.0])
def test_a_stretch_of_stamps_that_lies_costs_nothing(by):
    """A flipped byte in the clock of a cluster of packets: pictures and sound of a second come at another time."""
    tracks = Tracks().record(5, at=0).record(1, at=5 + by).record(5, at=6)
    clock = tracks.clock()
    assert shifts(clock, "pictures") == [(120, -by), (144, 0.0)]
    assert shifts(clock, "sound") == [(250, -by), (300, 0.0)]
    assert clock.joints == ()
    assert clock.lies == {"pictures": 24, "sound": 50}


def test_a_picture_that_stands_after_the_sound_has_ended_is_right():
    """Stamps alone, no declared length: the recording of pictures goes on after minutes, and no sound with it."""
    tracks = Tracks().record(8, at=0, pictures=False)
    tracks.packet("pictures", 0.0, PICTURE_S)
    clock = tracks.record(4, at=300, sound=False).clock()
    assert not clock.repaired
    assert clock.standing_left == pytest.approx(STANDING_S - 300, abs=0.1)


def test_sound_that_comes_back_with_the_pictures_is_another_clock():
    clock = Tracks().record(8, at=0).record(4, at=300).clock()
    assert [round(joint.gap) for joint in clock.joints] == [292]


@pytest.mark.parametrize("late", ["pictures", "sound"])
def test_a_track_cannot_start_long_after_all_that_the_other_holds(late):
    """A damaged offset of a track: both are taken to begin together, and it is told."""
    tracks = Tracks().record(8, at=0, pictures=late == "sound", sound=late == "pictures")
    clock = tracks.record(8, at=100_000, pictures=late == "pictures", sound=late == "sound").clock()
    assert shifts(clock, late) == [(0, -100_000.0)]
    assert clock.apart == {late: 100_000.0}
    assert clock.repaired


def test_a_track_may_start_late_while_the_other_goes_on():
    assert not Tracks().record(900, at=0, sound=False).record(5, at=900).clock().repaired


def test_pictures_that_go_back_while_the_sound_goes_on_are_right():
    """A splice that begins at a key frame a second before: its first pictures are not shown, nothing is moved."""
    tracks = Tracks().record(5, at=0)
    for number in range(120):
        tracks.packet("pictures", 4.0 + number * PICTURE_S, PICTURE_S)
        tracks.packet("sound", 5.0 + 2 * number * SOUND_S, SOUND_S)
        tracks.packet("sound", 5.0 + (2 * number + 1) * SOUND_S, SOUND_S)
    assert not tracks.clock(abrupt=True).repaired


@given(
    lengths=st.lists(st.floats(1.0, 9.0), min_size=1, max_size=5),
    starts=st.lists(st.floats(-50.0, 5000.0), min_size=5, max_size=5),
)
def test_any_parts_follow_each_other(lengths, starts):
    """However the clock of each part is set, the corrected one runs on, and sight and sound keep together."""
    tracks = Tracks()
    for length, start in zip(lengths, starts, strict=False):
        tracks.record(length, at=start)
    clock = tracks.clock(abrupt=True)
    end = 0.0
    for runs, name in ((tracks.pictures.runs, "pictures"), (tracks.sound.runs, "sound")):
        end = max(end, last_end(runs, clock, name) - runs[0].start)
    # holes of up to ten seconds between parts are believed
    assert sum(lengths) - 1.0 <= end <= sum(lengths) + len(lengths) * LONG_S + 1.0
    seconds = {name: clock.shifts[name][-1].seconds if clock.shifts[name] else 0.0 for name in clock.shifts}
    assert seconds["pictures"] == seconds["sound"]


def last_end(runs: list[Run], clock: Clock, name: str) -> float:
    shift = next((s.seconds for s in reversed(clock.shifts[name]) if s.packet <= runs[-1].packet), 0.0)
    return runs[-1].end + shift
