"""A run as a terminal has room for it: counts always, single nodes only where they are few or matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pypeline.application.documents import why_it_waits
from pypeline.runs.states import NodeState

if TYPE_CHECKING:
    from datetime import datetime

    from pypeline.application.listeners import Listeners
    from pypeline.bootstrap import System
    from pypeline.runs.outcome import ErrorInfo
    from pypeline.runs.plan import Plan
    from pypeline.store.records import NodeRecord, Progress, RunRecord

FEW = 60
"""Up to so many nodes, all of them are read at each look; items never are."""

_FAILED = frozenset({NodeState.FAILED})
_MOVING = frozenset({NodeState.RUNNING, NodeState.RETRYING})
_QUEUED = frozenset({NodeState.QUEUED})


@dataclass(frozen=True, slots=True)
class Row:
    """
    One node as it is shown. ``done`` of ``total`` items have ended, where it has items.

    ``item`` is set where the row stands for one item alone. ``progress`` is what its handler says.
    """

    name: str
    item: int | None
    state: NodeState
    started_at: datetime | None
    finished_at: datetime | None
    attempt: int
    why: str | None
    error: ErrorInfo | None
    done: int | None = None
    total: int | None = None
    progress: Progress | None = None

    @property
    def label(self) -> str:
        """``count`` or ``count[3]``."""
        return self.name if self.item is None else f"{self.name}[{self.item}]"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    A run at one moment. Where its nodes are many, ``rows`` has what failed, then what moves.

    ``waits`` says what its queued nodes wait for, where nothing runs or nobody would ever take them.
    """

    run: RunRecord
    rows: tuple[Row, ...]
    waits: str | None = None

    @property
    def total(self) -> int:
        """How many nodes and items there are by now."""
        return sum(self.run.counts.values())

    @property
    def ended(self) -> int:
        """How many of them have ended."""
        return sum(number for state, number in self.run.counts.items() if state.is_terminal)


class Looker:
    """Looks at one run, again and again, at a bounded cost."""

    def __init__(self, system: System, run_id: str) -> None:
        self._application = system.application
        self._run_id = run_id
        self._plan: Plan = system.application.plan(run_id)

    def look(self, room: int = FEW) -> Snapshot:
        """The run now: all nodes where they are few, else at most ``room`` of those that matter."""
        run = self._application.run(self._run_id)
        if len(self._plan.dag) <= FEW:
            nodes = self._application.nodes(self._run_id, limit=FEW, items=False)
        else:
            failed = self._application.nodes(self._run_id, limit=max(1, room // 2), states=_FAILED)
            left = max(1, room - len(failed))
            nodes = [*failed, *self._application.nodes(self._run_id, limit=left, states=_MOVING)]
        listeners = self._application.listeners(run)
        rows = tuple(self._row(node, listeners) for node in nodes)
        return Snapshot(run, rows, self._waits(run, listeners))

    def _waits(self, run: RunRecord, listeners: Listeners) -> str | None:
        if listeners.read is None:
            return None
        queued = self._application.nodes(self._run_id, limit=FEW, states=_QUEUED)
        queues = list(dict.fromkeys(node.queue for node in queued))
        unheard = [queue for queue in queues if queue not in listeners.read]
        telling = unheard if unheard or run.counts.get(NodeState.RUNNING) else queues
        return ", ".join(map(listeners.why_queued, telling)) or None

    def _row(self, node: NodeRecord, listeners: Listeners) -> Row:
        total = node.items
        waiting = node.waiting if node.state is NodeState.RUNNING else 0
        return Row(
            name=node.name,
            item=node.item,
            state=node.state,
            started_at=node.started_at,
            finished_at=node.finished_at,
            attempt=node.attempt,
            why=why_it_waits(node, listeners),
            error=node.error,
            done=None if total is None else total - waiting,
            total=total,
            progress=node.progress,
        )
