"""Whether a server says anything at all, for those who have to answer soon."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE = 1.0
"""Seconds that a server has at least to say something to somebody who knocks."""


class Pulse:
    """
    Feels for a server by ``knock``, which asks it and raises ``silence`` where nothing comes back.

    A refusal is a sign of life too. A server that is mute is knocked at until it speaks, by one thread
    however many ask. One that took long to answer, being far or busy, has twice that long the next time.
    Safe to share between threads.
    """

    def __init__(self, knock: Callable[[], object], silence: type[Exception]) -> None:
        self._knock = knock
        self._silence = silence
        self._lock = threading.Lock()
        self._knocking: threading.Thread | None = None
        self._begun = 0.0
        self._patience = _PATIENCE

    def is_felt(self) -> bool:
        """True if the server says something, within a second of the knock or as long as it needs."""
        with self._lock:
            if self._knocking is None or not self._knocking.is_alive():
                self._knocking = threading.Thread(target=self._insist, name="pypeline-pulse", daemon=True)
                self._begun = time.monotonic()
                self._knocking.start()
            knocking, until = self._knocking, self._begun + self._patience
        knocking.join(max(0.0, until - time.monotonic()))
        return not knocking.is_alive()

    def _insist(self) -> None:
        if not self._is_silent():
            took = time.monotonic() - self._begun
            self._patience = max(_PATIENCE, 2 * took, self._patience / 2)
            return
        while self._is_silent():
            pass

    def _is_silent(self) -> bool:
        try:
            self._knock()
        except self._silence:
            return True
        except Exception:  # noqa: BLE001 - whatever it is, the server or its host has spoken
            return False
        return False
