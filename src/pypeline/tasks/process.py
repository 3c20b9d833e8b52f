"""The node worker of whichever process asks, made after the fork that made the process."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from celery import signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from celery import Celery

    from pypeline.store.records import AttemptRef
    from pypeline.tasks.upkeep import Upkeep
    from pypeline.tasks.worker import NodeWorker


@dataclass(frozen=True, slots=True)
class Staff:
    """What a worker process has: who performs attempts, who mends, and what closes their database."""

    nodes: NodeWorker
    upkeep: Upkeep
    close: Callable[[], None]


class PerProcess:
    """
    Gives each process that asks a `Staff` of its own, made by ``make`` when it is first needed.

    A database connection that came through a fork belongs to the parent; a thread does not come through.
    """

    def __init__(self, make: Callable[[], Staff]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._here: tuple[int, Staff] | None = None

    def perform(self, ref: AttemptRef) -> None:
        """Do one attempt in this process. Raises as `NodeWorker.perform` does."""
        self.begin().nodes.perform(ref)

    def begin(self) -> Staff:
        """The staff of this process, at work."""
        here = self._here
        if here is not None and here[0] == os.getpid():
            return here[1]
        with self._lock:
            return self._hire()

    def end(self) -> None:
        """Give back what still runs, and close. Nothing where this process never began."""
        here, self._here = self._here, None
        if here is None or here[0] != os.getpid():
            return
        staff = here[1]
        staff.nodes.leave()
        staff.upkeep.stop()
        staff.close()

    def _hire(self) -> Staff:
        here = self._here
        if here is not None and here[0] == os.getpid():
            return here[1]
        staff = self._make()
        staff.upkeep.start()
        self._here = (os.getpid(), staff)
        return staff


def attach(app: Celery, staff: PerProcess) -> None:
    """
    Begin and end the staff with the worker processes of an application.

    Its main process has one too: somebody must mend also while no message comes.
    """

    def is_ours(sender: Any) -> bool:
        # Signals of a pool's children have no sender; such a child serves one application only.
        return sender is None or getattr(sender, "app", app) is app

    def begin(sender: Any = None, **_: Any) -> None:
        if is_ours(sender):
            staff.begin()

    def end(sender: Any = None, **_: Any) -> None:
        if is_ours(sender):
            staff.end()

    for signal in (signals.worker_ready, signals.worker_process_init):
        signal.connect(begin, weak=False)
    for signal in (signals.worker_shutdown, signals.worker_process_shutdown):
        signal.connect(end, weak=False)
