"""How far the attempts of a process are, on its way to the database in a thread of its own."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from pypeline.errors import DatabaseUnavailable
from pypeline.store.records import ProgressReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from pypeline.store.records import AttemptRef, Progress

logger = logging.getLogger(__name__)

_INTERVAL = 1.0
_PATIENCE = 0.5
_LONGEST_PAUSE = 5.0


class ProgressReports:
    """
    Writes what attempts say of themselves: the latest of each, about once a second for all together.

    `note` never waits and never fails: while the database is away the latest word of each attempt is kept.
    The thread begins with the first word in a process, so one that was forked off has its own.
    """

    def __init__(self, write: Callable[[list[ProgressReport]], None], *, interval: float = _INTERVAL) -> None:
        self._write = write
        self._interval = interval
        self._desks: dict[int, _Desk] = {}

    def note(self, ref: AttemptRef, progress: Progress) -> None:
        """The attempt is this far by now."""
        pid = os.getpid()
        desk = self._desks.get(pid) or self._desks.setdefault(pid, _Desk(self._write, self._interval))
        desk.note(ref, progress)

    def finish(self, ref: AttemptRef) -> None:
        """
        The attempt has ended: write its last word now.

        Waits for that, but not for a database that does not answer; then it is written once it does.
        """
        desk = self._desks.get(os.getpid())
        if desk is not None:
            desk.finish(ref, _PATIENCE)

    def close(self) -> None:
        """Write what is left, unless the database is away; later words begin anew."""
        desk = self._desks.pop(os.getpid(), None)
        if desk is not None:
            desk.close()


class _Desk:
    """What one process has to write, and the thread that does."""

    def __init__(self, write: Callable[[list[ProgressReport]], None], interval: float) -> None:
        self._write = write
        self._interval = interval
        self._change = threading.Condition()
        self._words: dict[AttemptRef, Progress] = {}
        self._writing: frozenset[AttemptRef] = frozenset()
        self._hurry = False
        self._away = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def note(self, ref: AttemptRef, progress: Progress) -> None:
        with self._change:
            self._words[ref] = progress
            if self._thread is None:
                self._begin()
            elif len(self._words) == 1:
                self._change.notify_all()

    def finish(self, ref: AttemptRef, patience: float) -> None:
        with self._change:
            if self._is_written(ref):
                return
            self._hurry = True
            self._change.notify_all()
            self._change.wait_for(lambda: self._away or self._is_written(ref), patience)

    def close(self) -> None:
        with self._change:
            self._closed = True
            self._change.notify_all()
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def _begin(self) -> None:
        thread = threading.Thread(target=self._run, name="pypeline-progress", daemon=True)
        with suppress(RuntimeError):  # there is no room for one now: the next word tries again
            thread.start()
            self._thread = thread

    def _is_written(self, ref: AttemptRef) -> bool:
        return ref not in self._words and ref not in self._writing

    def _run(self) -> None:
        pause = self._interval
        while words := self._next():
            failed = not self._wrote(words)
            self._put_down(words if failed else {})
            if failed and self._closed:
                return
            pause = min(2 * pause, _LONGEST_PAUSE) if failed else self._interval
            self._rest(pause, hurries=not failed)

    def _put_down(self, unwritten: dict[AttemptRef, Progress]) -> None:
        """A round is over; what could not be written waits, unless there is a later word."""
        with self._change:
            self._writing = frozenset()
            self._away = bool(unwritten)
            self._words = {**unwritten, **self._words}
            self._change.notify_all()

    def _next(self) -> dict[AttemptRef, Progress]:
        """What is to be written now, once there is something; nothing at the end."""
        with self._change:
            self._change.wait_for(lambda: self._words or self._closed)
            words, self._words = self._words, {}
            self._writing = frozenset(words)
            self._hurry = False
        return words

    def _rest(self, seconds: float, *, hurries: bool) -> None:
        """Wait until more may be written. The last word of an attempt may cut that short."""
        with self._change:
            self._change.wait_for(lambda: self._closed or (hurries and self._hurry), seconds)

    def _wrote(self, words: dict[AttemptRef, Progress]) -> bool:
        """False where the database is away. What it refuses is dropped: progress decides nothing."""
        try:
            self._write([ProgressReport(ref, progress) for ref, progress in words.items()])
        except DatabaseUnavailable:
            return False
        except Exception:
            logger.warning("progress of %s attempts is not kept", len(words), exc_info=True)
        return True
