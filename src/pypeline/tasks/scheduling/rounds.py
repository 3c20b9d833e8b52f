"""What a scheduler does round by round, whatever its database does."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pypeline.errors import DatabaseUnavailable, SchemaNotReady

if TYPE_CHECKING:
    from collections.abc import Callable

    from pypeline.store.schedules.records import BroughtIn

logger = logging.getLogger(__name__)

BEAT_INTERVAL = 5.0
"""Seconds between two signs of life."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class Desk:
    """
    What a scheduler has while its database is open.

    ``tick`` fires what is due and answers the seconds to sleep, ``bring_in`` makes the file's schedules those
    that the file has now, ``beat`` gives a sign of life, and ``retire`` takes it away.
    """

    tick: Callable[[], float]
    bring_in: Callable[[], BroughtIn]
    beat: Callable[[], None]
    retire: Callable[[], None]
    close: Callable[[], None]


class Rounds:
    """
    The rounds of one scheduler, on what ``open_desk`` opens as soon as there is a database.

    What fails is tried again, for ever, after a pause that grows to 5 s; the log says so once for each kind
    of fault, and once that it is over. ``app`` is whose schedules they are, by a name that somebody chose or
    by that of a folder.
    """

    def __init__(self, open_desk: Callable[[], Desk], *, app: str = "", is_named: bool = True) -> None:
        self._open = open_desk
        self._app = app
        self._is_named = is_named
        self._desk: Desk | None = None
        self._brought_in = False
        self._next_beat = -math.inf
        self._fault: type[Exception] | None = None
        self._pause = _FIRST_PAUSE

    def round(self) -> float:
        """Do what there is to do; answers the seconds until the next round."""
        try:
            wait = self._advance()
        except Exception as error:  # noqa: BLE001 - it must outlive whatever a database or a driver can raise
            return self._failed(error)
        if self._fault is not None:
            logger.info("the scheduler works again")
        self._fault, self._pause = None, _FIRST_PAUSE
        return wait

    def end(self) -> None:
        """Leave no trace of this scheduler. Safe to repeat."""
        desk, self._desk = self._desk, None
        if desk is None:
            return
        try:
            desk.retire()
        except DatabaseUnavailable as error:
            logger.debug("its sign of life stays for a day: %s", error)
        finally:
            desk.close()

    def _advance(self) -> float:
        if self._desk is None:
            self._desk = self._open()
        if not self._brought_in:
            self._bring_in(self._desk)
            self._brought_in = True
        if time.monotonic() >= self._next_beat:
            self._desk.beat()
            self._next_beat = time.monotonic() + BEAT_INTERVAL
        return self._desk.tick()

    def _bring_in(self, desk: Desk) -> None:
        try:
            brought = desk.bring_in()
        except DatabaseUnavailable:
            raise
        except Exception:
            # Those that users made are not to wait for what is wrong with the file's.
            logger.exception("the schedules of the configuration are not brought in; the others go on")
            return
        _tell_of(brought)
        if brought.retired:
            self._tell_of_retired(brought.retired)

    def _tell_of_retired(self, schedule_ids: tuple[str, ...]) -> None:
        # Another application of the same name would lose its schedules so.
        logger.warning(
            "application %s: schedules that its configuration does not have any more are retired: %s%s",
            self._app,
            ", ".join(schedule_ids),
            "" if self._is_named else "; set PYPELINE_APP if another application shares this database",
        )

    def _failed(self, error: Exception) -> float:
        if self._fault is not type(error):
            known = isinstance(error, DatabaseUnavailable | SchemaNotReady)
            logger.warning(
                "the scheduler waits, and tries again: %s",
                " ".join(str(error).split()) or type(error).__name__,
                exc_info=not known,
            )
        self._fault = type(error)
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE)
        return pause


def _tell_of(brought: BroughtIn) -> None:
    changes = {"new": brought.created, "changed": brought.updated, "retired": brought.retired}
    said = [f"{len(ids)} {word} ({', '.join(ids)})" for word, ids in changes.items() if ids]
    logger.info("schedules of the configuration: %s", ", ".join(said) or "as they were")
    if brought.taken:
        logger.warning(
            "left out of the configuration's schedules, since users have schedules of these ids: %s; "
            "rename them in the file, or delete the users'",
            ", ".join(brought.taken),
        )
