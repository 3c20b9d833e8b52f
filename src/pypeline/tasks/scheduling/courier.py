"""Sending that nobody waits for."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from pypeline.errors import DispatchFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pypeline.engine.dispatcher import Dispatcher, Message

logger = logging.getLogger(__name__)

_MOST_WAITING = 10_000


class Courier:
    """
    A `Dispatcher` on another one, which sends in a thread of its own.

    A broker that does not answer takes seconds to fail: whoever has due times to keep does not wait for it.
    The log says once that the broker is away, and once that it is back. ``close`` is called by the thread
    when it ends, since a connection is a thread's own.
    """

    def __init__(
        self, dispatcher: Dispatcher, *, close: Callable[[], object], most: int = _MOST_WAITING
    ) -> None:
        self._dispatcher = dispatcher
        self._close = close
        self._most = most
        self._waiting: list[Message] = []
        self._ends = False
        self._problem: str | None = None
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="pypeline-courier", daemon=True)
        self._thread.start()

    def send(self, messages: Sequence[Message]) -> None:
        """
        Take the messages, to be put on their queues in order.

        Raises DispatchFailed where very many wait already: the sweep sends these then.
        """
        with self._change:
            if self._waiting and len(self._waiting) + len(messages) > self._most:
                raise DispatchFailed(f"it has not taken {len(self._waiting):,} messages before these")
            self._waiting += messages
            self._change.notify()

    def close(self, timeout: float) -> None:
        """Send what waits, for so many seconds at most, and end."""
        with self._change:
            self._ends = True
            self._change.notify()
        self._thread.join(timeout)

    def _work(self) -> None:
        while messages := self._next():
            self._deliver(messages)
        self._close()

    def _next(self) -> list[Message]:
        """What waits, as soon as something does; nothing where this is to end."""
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._ends)
            messages, self._waiting = self._waiting, []
        return messages

    def _deliver(self, messages: Sequence[Message]) -> None:
        try:
            self._dispatcher.send(messages)
        except DispatchFailed as error:
            self._tell(str(error), len(messages))
        except Exception:
            # The thread must outlive whatever a client of a broker can raise.
            logger.exception("%s messages were not sent; the sweep of a worker sends them", len(messages))
        else:
            if self._problem is not None:
                logger.info("the broker is back")
            self._problem = None

    def _tell(self, problem: str, count: int) -> None:
        level = logging.DEBUG if self._problem is not None else logging.WARNING
        self._problem = problem
        logger.log(level, "%s; runs are started all the same, and wait for it (%s now)", problem, count)
