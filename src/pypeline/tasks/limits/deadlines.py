"""When the handlers of a worker's children have to have ended, told by the children to their parent."""

from __future__ import annotations

import mmap
import os
import struct
from contextlib import suppress

SLOTS = 4096
"""Children that one worker may have; what is beyond has no hard limit."""

_SLOT = struct.Struct("=qd")
_DEADLINE = struct.Struct("=d")


class Deadlines:
    """
    A table in memory that a parent shares with the children that it forks: a slot for each child.

    To write there costs a child no system call, and the parent reads it also while a child holds the GIL.
    Times are those of `time.monotonic`, which all processes of a host share.
    """

    def __init__(self) -> None:
        self._table = mmap.mmap(-1, SLOTS * _SLOT.size)

    def slot(self, index: int) -> Slot | None:
        """The slot of this process, the child number ``index``; None where there are not so many."""
        if index >= SLOTS:
            return None
        _SLOT.pack_into(self._table, index * _SLOT.size, os.getpid(), 0.0)
        return Slot(self._table, index * _SLOT.size + _SLOT.size - _DEADLINE.size)

    def passed(self, now: float) -> frozenset[int]:
        """The ids of the processes whose handler should have ended by now."""
        return frozenset(pid for pid, deadline in _SLOT.iter_unpack(self._table[:]) if 0.0 < deadline < now)

    def close(self) -> None:
        """Let go of the table."""
        with suppress(BufferError):
            self._table.close()


class Slot:
    """One child's own line of the table."""

    __slots__ = ("_offset", "_table")

    def __init__(self, table: mmap.mmap, offset: int) -> None:
        self._table = table
        self._offset = offset

    def set(self, deadline: float) -> None:
        """A handler runs, and has to have ended then."""
        _DEADLINE.pack_into(self._table, self._offset, deadline)

    def clear(self) -> None:
        """No handler runs."""
        _DEADLINE.pack_into(self._table, self._offset, 0.0)
