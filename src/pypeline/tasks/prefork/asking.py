"""What a child of a pool asks and tells the database beside its attempts, at most once a second."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from pypeline.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from pypeline.engine import Engine
    from pypeline.store.base import Store

logger = logging.getLogger(__name__)

_INTERVAL = 1.0


class ClaimReports:
    """Tells which messages were claimed; called after each claim."""

    def __init__(self, engine: Engine, *, interval: float = _INTERVAL) -> None:
        self._engine = engine
        self._interval = interval
        self._next = 0.0

    def __call__(self) -> None:
        """Report what was claimed since the last time, if that is long enough ago."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._interval
        try:
            self._engine.report_claims()
        except DatabaseUnavailable as error:
            logger.debug("claims are reported later: %s", error)


class Flags:
    """Answers whether a run is flagged. A run stays so, and is asked about once in an interval until then."""

    def __init__(self, store: Store, *, interval: float = _INTERVAL) -> None:
        self._store = store
        self._interval = interval
        self._known: tuple[str, bool] = ("", False)
        self._next = 0.0

    def is_flagged(self, run_id: str) -> bool:
        """True once the run was cancelled or is past its deadline; not while the database is away."""
        known, flagged = self._known
        now = time.monotonic()
        if known != run_id or (not flagged and now >= self._next):
            flagged = self._ask(run_id)
            self._known, self._next = (run_id, flagged), now + self._interval
        return flagged

    def _ask(self, run_id: str) -> bool:
        try:
            return run_id in self._store.flagged_among([run_id])
        except DatabaseUnavailable as error:
            logger.debug("whether run %s is cancelled is not known: %s", run_id, error)
            return False
