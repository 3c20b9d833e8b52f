"""The lines of a process: whoever has something to send has one to itself for as long as that takes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from pypeline.errors import DispatchFailed

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_IDLE = 10
"""Lines that stay open for whoever sends next."""


class Sending(Protocol):
    """What is shared: a line, which raises its ``errors`` where it is broken."""

    errors: tuple[type[BaseException], ...]

    def close(self) -> None:
        """Close it."""


L = TypeVar("L", bound=Sending)


class SharedLines(Generic[L]):
    """
    Lends lines to the threads and greenlets of a process, and makes another where all are lent.

    Not one for each: a greenlet lives for one attempt, and its line would be closed in gevent's event loop,
    which must not wait. What came through a fork is the parent's: neither used nor closed.
    """

    def __init__(self, make: Callable[[], L]) -> None:
        self._make = make
        # By process. A parent's are kept: even to forget them would shut its sockets. The last one given back
        # goes out first, so that those which the broker may have dropped meanwhile stay at the bottom.
        self._idle: dict[int, list[L]] = {}

    def use(self, send: Callable[[L], object], *, anew: bool = False) -> BaseException | None:
        """
        Call ``send`` with a line, ``anew`` with one that nobody has used; answers the line's error, if any.

        A line on which something went wrong is closed.
        """
        line = (None if anew else self._taken()) or self._make()
        try:
            send(line)
        except DispatchFailed:
            self._give_back(line)  # the broker said no; the line is whole
            raise
        except BaseException as error:
            line.close()
            if not isinstance(error, line.errors):
                raise
            return error
        self._give_back(line)
        return None

    def close(self) -> None:
        """Close the lines that nobody uses; the next `use` makes another."""
        while (line := self._taken()) is not None:
            line.close()

    def _mine(self) -> list[L]:
        return self._idle.setdefault(os.getpid(), [])

    def _taken(self) -> L | None:
        try:
            return self._mine().pop()
        except IndexError:
            return None

    def _give_back(self, line: L) -> None:
        idle = self._mine()
        if len(idle) < _MOST_IDLE:
            idle.append(line)
        else:
            line.close()
