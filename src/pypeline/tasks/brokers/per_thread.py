"""What each thread of each process has one of: a connection on which it publishes."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable


class Closing(Protocol):
    """Something that is open until it is closed."""

    def close(self) -> None:
        """Close it."""


T = TypeVar("T", bound=Closing)


class PerThread(Generic[T]):
    """Makes one for each thread that asks; what came through a fork is the parent's, and left alone."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._local = threading.local()
        self._inherited: list[T] = []

    def get(self) -> T:
        """That of the calling thread."""
        pid, mine = getattr(self._local, "held", (None, None))
        if mine is not None and pid != os.getpid():
            # Even to forget it would shut the parent's socket.
            self._inherited.append(mine)
            mine = None
        if mine is None:
            mine = self._make()
            self._local.held = (os.getpid(), mine)
        return mine

    def close(self) -> None:
        """Close that of the calling thread; the next `get` makes another."""
        pid, mine = getattr(self._local, "held", (None, None))
        if mine is not None and pid == os.getpid():
            self._local.held = (None, None)
            mine.close()
