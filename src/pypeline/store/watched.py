"""A connection of psycopg that is given up when its server has fallen silent. Needs the driver."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.waiting import Ready

if TYPE_CHECKING:
    from collections.abc import Generator

    from pypeline.store.pulse import Pulse

_QUIET = 0.5
"""Seconds that a statement may take before anybody looks whether the server is still there."""


class WatchedConnection(psycopg.Connection[Any]):
    """
    Waits for a statement however long it takes, as long as ``pulse`` is felt. Raises OperationalError else.

    A server that is alive and slow is waited for. One that is mute would hold its callers until the
    machines drop the connection: its process is stopped, its host or the network gone without a word.
    """

    pulse: Pulse

    def wait(self, gen: Any, *given: Any, **named: Any) -> Any:
        """What the driver does with each of its exchanges with the server."""
        return super().wait(self._watched(gen), *given, **named)

    def _watched(self, exchange: Any) -> Generator[Any, Any, Any]:
        look = time.monotonic() + _QUIET
        try:
            state = next(exchange)
            while True:
                ready = yield state
                # The driver says so after each tenth of a second in which nothing came.
                if ready == Ready.NONE and time.monotonic() > look:
                    self._require_pulse()
                    look = time.monotonic() + _QUIET
                state = exchange.send(ready)
        except StopIteration as end:
            return end.value

    def _require_pulse(self) -> None:
        if not self.pulse.is_felt():
            self.pgconn.finish()
            raise psycopg.OperationalError("the server says nothing")
