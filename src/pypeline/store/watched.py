"""A connection of psycopg that is given up when its server has fallen silent. Needs the driver."""

from __future__ import annotations

from selectors import DefaultSelector
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from pypeline.store.pulse import Pulse

_QUIET = 0.5
"""Seconds that nothing may come before anybody looks whether the server is still there."""


class WatchedConnection(psycopg.Connection[Any]):
    """
    Waits for a statement however long it takes, as long as ``pulse`` is felt. Raises OperationalError else.

    A server that is alive and slow is waited for. One that is mute would hold its callers until the
    machines drop the connection: its process is stopped, its host or the network gone without a word.
    """

    pulse: Pulse

    def wait(self, gen: Any, *_given: Any, **_named: Any) -> Any:
        """
        Carry an exchange with the server through, as the driver's own does.

        A generator of the driver yields what it waits for, of `psycopg.waiting.Wait`, and is sent what there
        is, of `psycopg.waiting.Ready`: the numbers of `selectors`.
        """
        try:
            wanted = next(gen)
            with DefaultSelector() as selector:
                selector.register(self.pgconn.socket, wanted)
                while True:
                    wanted = gen.send(self._ready(selector))
                    selector.modify(self.pgconn.socket, wanted)
        except StopIteration as end:
            return end.value

    def _ready(self, selector: DefaultSelector) -> int:
        while True:
            found = selector.select(_QUIET)
            if found:
                return found[0][1]
            self._require_pulse()

    def _require_pulse(self) -> None:
        if not self.pulse.is_felt():
            self.pgconn.finish()
            raise psycopg.OperationalError("the server says nothing")
