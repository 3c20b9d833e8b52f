"""Whether what a process needs answers now: the database, its schema, the broker."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pypeline.bootstrap.broker import client_app
from pypeline.bootstrap.database import database_level
from pypeline.errors import DatabaseUnavailable
from pypeline.store.schema import misfit
from pypeline.store.urls import is_missing_file
from pypeline.tasks.brokers.report import examine

if TYPE_CHECKING:
    from collections.abc import Callable

    from pypeline.config import Settings

logger = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds that all of them have together."""

_AWAY = "cannot be reached; the log of this process says why"
_NOT_YET = "is not there yet: the first request that needs it creates it"


@dataclass(frozen=True, slots=True)
class Check:
    """
    What was looked at, whether it is as it should be, and why, in words that name no server.

    ``cause`` is for the log of this process: what the server or its driver said.
    """

    name: str
    ok: bool
    reason: str
    cause: str | None = None


class Readiness:
    """
    Looks at database, schema and broker on connections of its own. Safe to share between threads.

    What does not answer is asked again only once it has answered: who asks often piles up nothing.
    """

    def __init__(self, settings: Settings) -> None:
        self._questions: dict[tuple[str, ...], Callable[[], tuple[Check, ...]]] = {
            ("database", "schema"): partial(_ask_database, settings),
            ("broker",): partial(_ask_broker, settings),
        }
        self._asked: dict[tuple[str, ...], _Asked] = {}
        self._told: dict[str, bool] = {}

    def checks(self) -> list[Check]:
        """How each of them is, within `PATIENCE`."""
        until = time.monotonic() + PATIENCE
        asked = [self._ask(names) for names in self._questions]
        found = [check for one in asked for check in one.answer(until)]
        for check in found:
            self._tell(check)
        return found

    def _ask(self, names: tuple[str, ...]) -> _Asked:
        running = self._asked.get(names)
        # After a fork the threads of the parent are not alive in the child.
        if running is None or not running.is_alive():
            running = self._asked[names] = _Asked(names, self._questions[names])
            running.start()
        return running

    def _tell(self, check: Check) -> None:
        """Log that something has changed: those who probe do so every few seconds."""
        if self._told.get(check.name, True) != check.ok:
            logger.warning("%s: %s", check.name, check.cause or check.reason)
        self._told[check.name] = check.ok


class _Asked(threading.Thread):
    """A question in a thread of its own, which nobody has to wait for."""

    def __init__(self, names: tuple[str, ...], question: Callable[[], tuple[Check, ...]]) -> None:
        super().__init__(name="pypeline-readiness", daemon=True)
        self._question = question
        self._found = _alike(names, f"does not answer within {PATIENCE:g} s")

    def run(self) -> None:
        """Ask."""
        self._found = self._question()

    def answer(self, until: float) -> tuple[Check, ...]:
        """What was answered by then, of the monotonic clock."""
        self.join(max(0.0, until - time.monotonic()))
        return self._found


def _ask_database(settings: Settings) -> tuple[Check, ...]:
    if is_missing_file(settings.database_url):
        return _alike(("database", "schema"), _NOT_YET, ok=True)
    try:
        found = database_level(settings)
    except DatabaseUnavailable as error:
        return _alike(("database", "schema"), _AWAY, cause=" ".join(str(error).split()))
    problem = misfit(found)
    schema = Check("schema", problem is None, problem or f"is at level {found.level}")
    return Check("database", ok=True, reason="answers"), schema


def _ask_broker(settings: Settings) -> tuple[Check, ...]:
    if settings.embedded:
        return (Check("broker", ok=True, reason="none: runs in this process"),)
    report = examine(client_app(settings), ())
    if report.error is None:
        return (Check("broker", ok=True, reason=f"{report.product or 'it'} answers"),)
    return (Check("broker", ok=False, reason=_AWAY, cause=f"{report.url}: {report.error}"),)


def _alike(
    names: tuple[str, ...], reason: str, *, ok: bool = False, cause: str | None = None
) -> tuple[Check, ...]:
    return tuple(Check(name, ok, reason, cause) for name in names)
