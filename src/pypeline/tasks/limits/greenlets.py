"""Time limits for handlers that are greenlets, of gevent or of eventlet."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, TypeVar

from pypeline.tasks.limits.timeouts import GRACE, HardTimeLimit, SoftTimeLimit

if TYPE_CHECKING:
    from collections.abc import Callable

    from pypeline.tasks.limits.timeouts import Watch

R = TypeVar("R")


class GreenLimits:
    """
    Limits handlers by the timers of ``library``, ``gevent`` or ``eventlet``.

    At the limit `SoftTimeLimit` is raised in the handler's greenlet, ``grace`` seconds later `HardTimeLimit`,
    which an ``except Exception`` does not catch. Both come when the handler waits for something that the
    library knows of: a handler that computes, or blocks in C, is not interrupted.
    """

    def __init__(self, library: str, *, grace: float = GRACE) -> None:
        self._timeout: Any = importlib.import_module(library).Timeout
        self._grace = grace

    def run(self, function: Callable[[Watch[Any] | None], R], *, limit: float, subject: Any) -> R:  # noqa: ARG002 - as the others
        """Call the function in this greenlet under a limit of that many seconds; return what it returns."""
        with self._timeout(limit + self._grace, HardTimeLimit), self._timeout(limit, SoftTimeLimit):
            return function(None)
