"""Retention: finished runs that are old go, with all that was kept of them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pypeline.errors import InvalidSetting
from pypeline.results import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from pypeline.results import ResultStore
    from pypeline.store.base import Store
    from pypeline.store.retention_base import Old

T = TypeVar("T")

_RUNS = 100  # forgotten at once
_ROWS = 2000  # deleted in one transaction: some 50 ms on a small machine, small runs four times that
_DEFINITIONS = 20  # each makes the database look through all runs
_LONGEST_REST = 1.0


@dataclass(frozen=True, slots=True)
class Pruned:
    """How much is gone."""

    runs: int = 0
    occurrences: int = 0
    definitions: int = 0
    silent: int = 0


class Retention:
    """
    Deletes what is old, a little at a time, and rests as long as each step took.

    A run is forgotten at once and for good; what was kept of it goes then, first from ``large``. Whoever is
    interrupted leaves nothing that the next one does not find. ``rest`` waits for that many seconds.
    """

    def __init__(
        self, store: Store, large: ResultStore | None, *, rest: Callable[[float], object] = time.sleep
    ) -> None:
        self._clock = store.clock
        self._store = store.retention
        self._large = large
        self._rest = rest

    def before(self, age: float) -> datetime:
        """The time that was so many seconds ago, by the database's clock."""
        return self._clock() - timedelta(seconds=age)

    def old(self, before: datetime) -> Old:
        """What would go: finished runs, and occurrences of schedules. Changes nothing."""
        return self._store.old(before)

    def prune(self, before: datetime) -> Iterator[Pruned]:
        """
        Delete what ended before that time; yields how much is gone so far.

        Raises InvalidSetting where large results of old runs are kept in a place that is not set here, and
        ResultStoreUnavailable where it does not answer; the same command goes on later.
        """
        folders = self._folders(before)
        gone = Pruned()
        while runs := self._next_runs(before):
            for run_id in folders.intersection(runs):
                assert self._large is not None, "it has folders"  # noqa: S101 - asked above
                self._large.remove(run_id)
            while left := self._gently(partial(self._store.erase_runs, runs, limit=_ROWS)):
                gone = replace(gone, runs=gone.runs + len(runs) - len(left))
                yield gone
                runs = left
            gone = replace(gone, runs=gone.runs + len(runs))
            yield gone
        yield from self._prune_rest(before, gone)

    def _folders(self, before: datetime) -> frozenset[str]:
        """The runs that have something in the result store. Raises InvalidSetting where that is not seen."""
        found = None if self._large is None else self._large.folders()
        if found is None and self._store.has_result_like(before, MARK):
            problem, remedy = (
                "names a place that is not there",
                "mount it, or create it anew if it was removed",
            )
            if self._large is None:
                problem, remedy = "is not set", "set it as for the workers"
            raise InvalidSetting(
                "PYPELINE_RESULT_STORE",
                f"{problem}, and runs that are to be deleted have results in it: {remedy}",
            )
        return found or frozenset()

    def _next_runs(self, before: datetime) -> list[str]:
        """What somebody was interrupted at, then what is old."""
        interrupted = self._store.forgotten_runs(limit=_RUNS)
        return interrupted or self._gently(partial(self._store.forget_runs, before, limit=_RUNS))

    def _prune_rest(self, before: datetime, gone: Pruned) -> Iterator[Pruned]:
        """What no run is the owner of."""
        while number := self._gently(partial(self._store.erase_occurrences, before, limit=_ROWS)):
            gone = replace(gone, occurrences=gone.occurrences + number)
            yield gone
        while number := self._gently(partial(self._store.erase_definitions, before, limit=_DEFINITIONS)):
            gone = replace(gone, definitions=gone.definitions + number)
            yield gone
        yield replace(gone, silent=self._store.erase_silent(before))

    def _gently(self, step: Callable[[], T]) -> T:
        began = time.monotonic()
        done = step()
        self._rest(min(time.monotonic() - began, _LONGEST_REST))
        return done
