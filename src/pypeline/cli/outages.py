"""A database that is away while a run is followed: the run goes on, and so does who follows it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from pypeline.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pypeline.cli.progress import View

T = TypeVar("T")

_PATIENCE = 120.0  # seconds


class Outages:
    """Bears a database that is away for up to two minutes, and says so once for each time."""

    def __init__(self, view: View, run_id: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._view = view
        self._run_id = run_id
        self._clock = clock
        self._since: float | None = None

    def survive(self, look: Callable[[], T], *, default: T) -> T:
        """What ``look`` answers, or ``default`` while the database is away. Raises DatabaseUnavailable."""
        try:
            answer = look()
        except DatabaseUnavailable:
            if not self._bears():
                raise
            return default
        self._since = None
        return answer

    def _bears(self) -> bool:
        now = self._clock()
        if self._since is None:
            self._since = now
            self._view.say(f"The database does not answer; waiting for it. The run is {self._run_id}.")
        return now - self._since <= _PATIENCE
