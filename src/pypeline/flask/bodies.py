"""Bodies that were made before: of the same question, in the same version."""

from __future__ import annotations

from threading import Lock

from cachetools import LRUCache

_ROOM = 16 * 2**20  # bytes, in each process
_LARGEST = 2**20


class Bodies:
    """
    Keeps what was answered last, 16 MiB of it. Safe to share between threads.

    A version never stands for another document later, so nothing has to be taken back.
    """

    def __init__(self) -> None:
        self._kept: LRUCache[tuple[str, str], bytes] = LRUCache(_ROOM, getsizeof=len)
        self._lock = Lock()

    def find(self, question: str, version: str) -> bytes | None:
        """The body for this question in this version; None where none is kept."""
        with self._lock:
            return self._kept.get((question, version))

    def keep(self, question: str, version: str, body: bytes) -> None:
        """Keep a body for the next one who asks; one of more than 1 MiB is made anew each time."""
        if len(body) <= _LARGEST:
            with self._lock:
                self._kept[question, version] = body
