"""The order of measurements: warm workers, a round that is not counted, rounds with all systems in turn."""

from __future__ import annotations

import gc
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from messages import sizes
from results import Measurement
from shapes import Shape, small_runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contestants import Contestant, Setting

_LIMIT = 60.0
_NODE_LIMIT = 0.02
"""Seconds after which a shape is given up: the former, or the latter a node where that is more."""

_SLOW = 10.0
"""Seconds from which on a shape is measured once: the round that is not counted is then its only one."""

LONG_ENOUGH = 1.0
"""Seconds that a measurement takes at least: short shapes are run several times over."""

WARM_UP = small_runs(2)


class Seat:
    """Holds a contestant. One that did not finish is replaced: nothing of it is left for the next shape."""

    def __init__(self, kind: type[Contestant], setting: Setting, shapes: list[Shape]) -> None:
        self._kind = kind
        self._setting = setting
        self._shapes = [WARM_UP, *shapes]
        self._stack = ExitStack()
        self._number = 0
        self.title = kind.title
        self.name = kind.__name__.lower()

    def open(self) -> None:
        """Take a new contestant, and warm it up. Raises TimeoutError where it does nothing."""
        self._number += 1
        name = f"{self._setting.name}-{self.name}-{self._number}"
        setting = replace(self._setting, name=name, folder=self._setting.folder / name)
        self.contestant = self._kind(setting, self._shapes, self._stack)
        if _run(self.contestant, WARM_UP) is None:
            raise TimeoutError(f"{self.title} did not finish its first run; see {setting.folder}/worker.log")

    def close(self) -> None:
        """End the worker and delete what it left."""
        self._stack.close()

    def measure(self, shape: Shape, *, at_least: float = LONG_ENOUGH) -> Measurement | None:
        """What the shape costs, run for so many seconds or once; None where it was given up."""
        contestant = self.contestant
        gc.collect()
        contestant.worker.forget_peak()
        cpu, spent, times = contestant.worker.cpu(), 0.0, 0
        while not times or spent < at_least:
            took = _run(contestant, shape)
            if took is None:
                self.close()
                self.open()
                return None
            spent, times = spent + took, times + 1
        cpu = contestant.worker.cpu() - cpu
        return Measurement(spent / times, cpu / times, contestant.worker.peak_memory())


class Contest:
    """Measures shapes on systems; ``found[shape, system][round]``, and why something is left out."""

    def __init__(self, seats: list[Seat], shapes: list[Shape], *, rounds: int) -> None:
        self._seats = seats
        self._shapes = shapes
        self._rounds = rounds
        self.found: dict[tuple[str, str], dict[int, Measurement]] = {}
        self.message_bytes: dict[tuple[str, str], int] = {}
        self.left_out: dict[tuple[str, str], str] = {}

    def run(self) -> Iterator[str]:
        """Measure; answers what was done, step by step."""
        for shape, seat in self._pairs(0):
            yield self._first(shape, seat)
        for number in range(1, self._rounds + 1):
            for shape, seat in self._pairs(number):
                if not self._is_settled(shape, seat):
                    yield self._measure(shape, seat, number)

    def _pairs(self, number: int) -> Iterator[tuple[Shape, Seat]]:
        """Each shape on each system; who is first changes from round to round."""
        first = number % len(self._seats)
        for shape in self._shapes:
            for seat in [*self._seats[first:], *self._seats[:first]]:
                if seat.contestant.takes(shape):
                    yield shape, seat

    def _first(self, shape: Shape, seat: Seat) -> str:
        key = shape.name, seat.title
        with sizes() as weighed:
            said = self._measure(shape, seat, 0)
        self.message_bytes[key] = max(weighed, default=0)
        return said

    def _is_settled(self, shape: Shape, seat: Seat) -> bool:
        key = shape.name, seat.title
        return key in self.left_out or self.found[key][0].makespan >= _SLOW

    def _measure(self, shape: Shape, seat: Seat, number: int) -> str:
        key = shape.name, seat.title
        measured = seat.measure(shape)
        if measured is None:
            self.left_out[key] = f"not finished in {_limit(shape):.0f} s"
            return f"{shape.name}, {seat.title}: {self.left_out[key]}"
        self.found.setdefault(key, {})[number] = measured
        return f"round {number}: {shape.name}, {seat.title}: {measured.makespan:.2f} s"


def _limit(shape: Shape) -> float:
    return max(_LIMIT, _NODE_LIMIT * shape.nodes)


def _run(contestant: Contestant, shape: Shape) -> float | None:
    """
    Seconds from before the first send until the last node has ended; None past the limit.

    Raises RuntimeError where more nodes have run than there are.
    """
    tally = contestant.tally
    if tally.number != contestant.expected:
        raise RuntimeError(
            f"{contestant.title} ran {tally.number} nodes where there were {contestant.expected}"
        )
    contestant.expected += shape.nodes
    begun = time.perf_counter()
    until = time.monotonic() + _limit(shape)
    contestant.send(shape)
    ended = tally.wait_for(contestant.expected, until=until, check=contestant.worker.check)
    if not (ended and contestant.settle(until)):
        return None
    return time.perf_counter() - begun
