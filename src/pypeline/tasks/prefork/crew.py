"""What the children of a prefork worker run, as their parent sees it."""

from __future__ import annotations

import logging
import os
import signal
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pypeline.tasks.limits.deadlines import Deadlines

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from pypeline.engine import Work
    from pypeline.runs.outcome import Outcome
    from pypeline.store.records import AttemptRef

    EndOf: TypeAlias = Callable[[Work], Outcome | None]

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Held:
    """
    An attempt that a child runs, or has run to its death.

    ``ending`` says how it ends, once that is known; None from it gives the attempt back.
    """

    ref: AttemptRef
    pid: int
    ending: EndOf | None = None
    unwanted_since: float | None = None
    """When this process learnt that the run is flagged; by `time.monotonic`."""
    missed: bool = False
    """The child was found gone in the last round, and nobody has said how."""


class Crew:
    """
    Attempts by the request that brought them. Two requests may bring the same one: the broker repeats itself.

    The event loop of the parent tells it what begins and ends, each a step or two in a dictionary; another
    thread reads it. ``on_loss`` is called when there is something to record in ``lost``, ``on_end`` when one
    runs less.
    """

    def __init__(self) -> None:
        self.deadlines = Deadlines()
        self.lost: deque[Held] = deque()
        self.on_loss: Callable[[], object] = _nothing
        self.on_end: Callable[[], object] = _nothing
        self._held: dict[Hashable, Held] = {}
        self._killed: set[int] = set()

    def accepted(self, request: Hashable, ref: AttemptRef, pid: int) -> None:
        """A child has begun with the request."""
        self._held[request] = Held(ref, pid)

    def released(self, request: Hashable) -> None:
        """A child is done with the request: what there was to record, it has recorded."""
        if self._held.pop(request, None) is not None:
            self.on_end()

    def gone(self, request: Hashable, ending: EndOf) -> None:
        """A child has died with the request; ``ending`` holds unless it was ended for a reason."""
        held = self._held.pop(request, None)
        if held is None:
            return
        if not self._brought_again(held):
            if held.ending is None:
                held.ending = _not_its_fault if held.pid in self._killed else ending
            self.lost.append(held)
            self.on_loss()
        self.on_end()

    def refs(self) -> frozenset[AttemptRef]:
        """Every attempt whose lease is to be renewed."""
        return frozenset(held.ref for held in (*self._held.copy().values(), *self.lost.copy()))

    def running(self) -> dict[Hashable, Held]:
        """What runs now."""
        return self._held.copy()

    def end(self, request: Hashable, ending: EndOf) -> None:
        """Kill the child that runs the request, if it still does."""
        held = self._held.get(request)
        if held is None:
            return
        held.ending = ending
        self.kill(held.pid)

    def kill(self, pid: int) -> None:
        """End a child at once."""
        self._killed.add(pid)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            logger.debug("process %s has ended by itself", pid)

    def _brought_again(self, held: Held) -> bool:
        return any(other.ref == held.ref for other in self._held.values())


def _not_its_fault(_: Work) -> None:
    """Its child was killed for another attempt's sake."""


def _nothing() -> None:
    """Nobody waits for that."""
