"""The due times of each kind of schedule, forwards and backwards from a moment."""

from __future__ import annotations

import operator
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Protocol

from cronsim import CronSim

from pypeline.schedules.local_time import fold_at, instant_of, instants_of, wall_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from pypeline.schedules.pattern import Pattern

_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)


class Series(Protocol):
    """Due times, each once. Both walks are lazy, and may be endless."""

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Those strictly after a moment, in order."""

    def until(self, moment: datetime) -> Iterator[datetime]:
        """Those up to a moment, which is one itself if it is due: the latest first."""


@dataclass(frozen=True, slots=True)
class Once:
    """One time."""

    at: datetime

    def after(self, moment: datetime) -> Iterator[datetime]:
        """It, where it is still to come."""
        return iter((self.at,) if self.at > moment else ())

    def until(self, moment: datetime) -> Iterator[datetime]:
        """It, where it has come."""
        return iter((self.at,) if self.at <= moment else ())


@dataclass(frozen=True, slots=True)
class Steps:
    """
    ``anchor`` and equal steps of elapsed time, from number ``first`` on.

    Each is counted from the anchor: nothing drifts, and clocks that change mean nothing.
    """

    anchor: datetime
    step: timedelta
    first: int

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The steps behind a moment."""
        number = max(self.first, (moment - self.anchor) // self.step + 1)
        return (self.anchor + index * self.step for index in count(number))

    def until(self, moment: datetime) -> Iterator[datetime]:
        """The steps up to a moment, back to the first."""
        number = (moment - self.anchor) // self.step
        return (self.anchor + index * self.step for index in range(number, self.first - 1, -1))


@dataclass(frozen=True, slots=True)
class WallTimes:
    """
    The times at which the clock of a zone shows what a pattern matches.

    cronsim answers which wall times match; it is asked without a zone. When the clock shows them is worked
    out here: cronsim's own walk over a change of clocks takes whole hours, and so it misses times where the
    clocks change by half an hour, and at midnight.
    """

    pattern: Pattern
    zone: ZoneInfo

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The times behind a moment."""
        wall = wall_of(moment, self.zone)
        # In a fold some of what the clock has shown is shown again.
        ahead = self._instants(self.walls_after(wall - fold_at(wall, self.zone)))
        last = moment
        for instant in _merged(ahead, is_before=operator.lt):
            if instant > last:
                yield instant
                last = instant

    def until(self, moment: datetime) -> Iterator[datetime]:
        """The times up to a moment, back through the ages."""
        wall = wall_of(moment, self.zone)
        # In a fold some of what the clock will show was shown before.
        walls = self.walls_before(wall + fold_at(wall, self.zone) + _SECOND)
        last = moment + _MICROSECOND
        for instant in _merged((times[::-1] for times in self._instants(walls)), is_before=operator.gt):
            if instant < last:
                yield instant
                last = instant

    def walls_after(self, wall: datetime) -> Iterator[datetime]:
        """The wall times that match, behind one."""
        return self._matches(wall, reverse=False)

    def walls_before(self, wall: datetime) -> Iterator[datetime]:
        """The wall times that match, before one: the latest first."""
        return self._matches(wall, reverse=True)

    def _matches(self, wall: datetime, *, reverse: bool) -> Iterator[datetime]:
        matches = CronSim(self.pattern.expression, wall, reverse=reverse)
        matches.day_and = self.pattern.both_days
        return matches

    def _instants(self, walls: Iterable[datetime]) -> Iterator[tuple[datetime, ...]]:
        """When the clock shows them: a fixed time has one instant, a rhythm as many as there are."""
        for wall in walls:
            instants = (
                (instant_of(wall, self.zone),) if self.pattern.is_fixed else instants_of(wall, self.zone)
            )
            if instants:
                yield instants


def _merged(
    groups: Iterable[tuple[datetime, ...]], *, is_before: Callable[[datetime, datetime], bool]
) -> Iterator[datetime]:
    """
    All instants in order, from those of one wall time after the other.

    In a fold the second instant of each wall time comes after the first of all of them.
    """
    held: deque[datetime] = deque()
    for instant, *others in groups:
        while held and is_before(held[0], instant):
            yield held.popleft()
        yield instant
        held.extend(others)
    yield from held
