"""The packets of a track as runs: stretches whose stamps follow each other."""

from __future__ import annotations

from dataclasses import dataclass

BREAK_S = 2.5
"""Packets whose stamps are further apart are of two runs."""
BACK_S = 0.5
"""Stamps may go back by this much."""


@dataclass(frozen=True)
class Run:
    """Packets of one track whose stamps follow each other.

    Attributes:
        packet: number of its first packet in the track.
        packets: how many they are.
        first: number of its first packet among all packets of the file.
        last: the same of its last packet.
        start: its first stamp, seconds on the file's own clock.
        end: its last stamp and the last packet's length.
        declared: the packet before says itself that it lasts until this run begins.
    """

    packet: int
    packets: int
    first: int
    last: int
    start: float
    end: float
    declared: bool = False


class RunBuilder:
    """Finds the runs of one track while its packets are read; memory grows with the runs, not with the packets."""

    def __init__(self, back: float = BACK_S):
        """``back``: stamps may go back by so many seconds."""
        self.back = back
        self.packets = 0
        self._runs: list[Run] = []
        self._packet = self._count = self._first = self._last = 0
        self._start = self._end = self._stamp = self._length = self._step = 0.0
        self._declared = False

    @property
    def runs(self) -> list[Run]:
        """Return the runs so far."""
        return [*self._runs, self._run()] if self.packets else []

    def add(self, packet: int, order: int, stamp: float, length: float) -> None:
        """Take the next packet.

        Args:
            packet: its number in the track.
            order: its number in the file.
            stamp: its stamp, seconds. Of pictures that of decoding: they lie in a file in another order than shown.
            length: its length as declared, seconds; 0 where it is not.
        """
        gap = stamp - self._stamp
        together = self.packets > 0 and -self.back <= gap <= BREAK_S
        if together and gap > 0:
            self._step = gap
        # a length that is longer than a gap within a run is a gap itself
        end = stamp + (length if 0 < length <= BREAK_S else self._step)
        if together:
            self._start, self._end = min(self._start, stamp), max(self._end, end)
        else:
            if self.packets:
                self._runs.append(self._run())
            self._packet, self._first, self._start, self._end = packet, order, stamp, end
            self._declared = self.packets > 0 and 0 < gap <= 1.5 * self._length
        self.packets += 1
        self._last, self._stamp, self._length = order, stamp, length
        self._count = packet - self._packet + 1

    def _run(self) -> Run:
        return Run(self._packet, self._count, self._first, self._last, self._start, self._end, self._declared)
