"""Who works in a process of a worker, and where that process stands."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from pypeline.tasks.attempts.worker import NodeWorker
    from pypeline.tasks.prefork.crew import Crew
    from pypeline.tasks.prefork.foreman import Foreman
    from pypeline.tasks.workers.upkeep import Upkeep


class Role(StrEnum):
    """What a process is to its worker: all of it, or the parent or a child of the prefork pool."""

    WHOLE = "whole"
    PARENT = "parent"
    CHILD = "child"


@dataclass(frozen=True, slots=True)
class Post:
    """
    Where a process stands: in which worker, in which role, beneath which pool, reading which queues.

    ``crew`` knows what the children of a parent run; ``index`` numbers them.
    """

    worker_id: str
    crew: Crew
    role: Role = Role.WHOLE
    pool: str = ""
    queues: tuple[str, ...] = ()
    concurrency: int = 1
    index: int = 0


def _nothing() -> None:
    """Nothing is to be done."""


@dataclass(frozen=True, slots=True)
class Staff:
    """
    Who performs attempts, who beats and mends, and who answers for children.

    A parent performs nothing, a child has neither of the others. ``retire`` is called where the worker ends
    well, then ``close``.
    """

    nodes: NodeWorker | None
    upkeep: Upkeep | None
    close: Callable[[], None]
    foreman: Foreman | None = None
    retire: Callable[[], None] = _nothing

    def give_back(self) -> int:
        """Hand what still runs to other workers, uncharged; answers how many attempts that were."""
        if self.foreman is not None:
            return self.foreman.give_back()
        return 0 if self.nodes is None else self.nodes.leave()


class Hire(Protocol):
    """Makes the staff of a process, in that process."""

    def __call__(self, post: Post) -> Staff:
        """The staff; its thread is not started yet."""


def worker_id(pid: int) -> str:
    """The name of the worker whose main process that is."""
    return f"{socket.gethostname()}:{pid}"
