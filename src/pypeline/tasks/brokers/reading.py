"""Reading from a broker in large pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PIECE = 65_536


class ReadAhead:
    """
    Stands in for a socket's ``recv``, which py-amqp asks nine times for each message, a few bytes at a time.

    It asks the socket once for all that has arrived, and raises what the socket raises, but only when nothing
    of that is left: who reads until the socket has no more misses nothing.
    """

    __slots__ = ("_at", "_piece", "_receive")

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive = receive
        self._piece = b""
        self._at = 0

    def __call__(self, size: int) -> bytes:
        """At most so many bytes; none where the other side has closed."""
        if self._at == len(self._piece):
            self._piece = self._receive(_PIECE)
            self._at = 0
        begin, self._at = self._at, min(self._at + size, len(self._piece))
        return self._piece[begin : self._at]
