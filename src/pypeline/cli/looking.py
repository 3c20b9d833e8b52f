"""A run as a terminal has room for it: counts always, single nodes only where they are few or matter."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pypeline.application.documents import why_it_waits
from pypeline.runs.states import NodeState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from pypeline.bootstrap import System
    from pypeline.runs.outcome import ErrorInfo
    from pypeline.runs.plan import Plan
    from pypeline.store.base import NodeRecord, RunRecord, Store

FEW = 60
"""Up to so many nodes and items, all of them are read at each look."""

_FAILED = frozenset({NodeState.FAILED})
_MOVING = frozenset({NodeState.RUNNING, NodeState.RETRYING})


@dataclass(frozen=True, slots=True)
class Row:
    """
    One node as it is shown. ``done`` of ``total`` items have ended, where it has items.

    ``item`` is set where the row stands for one item alone.
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
    failed: int = 0

    @property
    def label(self) -> str:
        """``count`` or ``count[3]``."""
        return self.name if self.item is None else f"{self.name}[{self.item}]"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    A run at one moment.

    ``complete`` says that ``rows`` has every node; else what failed comes first, then what moves.
    """

    run: RunRecord
    rows: tuple[Row, ...]
    complete: bool

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
        self._store = system.store
        self._run_id = run_id
        self._plan: Plan = system.engine.plans.of_run(run_id)
        self._totals: dict[int, int] = {}

    def look(self, room: int = FEW) -> Snapshot:
        """The run now, with at most ``room`` rows where it is large."""
        run = self._application.run(self._run_id)
        if sum(run.counts.values()) <= FEW:
            nodes = self._store.nodes(self._run_id, limit=FEW)
            return Snapshot(run, _folded(nodes), complete=True)
        failed = self._store.nodes(self._run_id, limit=max(1, room // 2), states=_FAILED)
        moving = self._store.nodes(self._run_id, limit=max(1, room - len(failed)), states=_MOVING)
        rows = tuple(self._row(node) for node in (*failed, *moving))
        return Snapshot(run, rows, complete=False)

    def _row(self, node: NodeRecord) -> Row:
        total = self._items_of(node)
        done = None if total is None else total - node.waiting
        return _row(node, done=done, total=total)

    def _items_of(self, node: NodeRecord) -> int | None:
        """How many items a node that maps has, which does not change while it runs."""
        if node.item is not None or self._plan.steps[node.position].for_each is None:
            return None
        if node.position not in self._totals:
            self._totals[node.position] = item_count(self._store, self._plan, self._run_id, node.position)
        return self._totals[node.position]


def item_count(store: Store, plan: Plan, run_id: str, position: int) -> int:
    """How many items (or batches) a node that maps has; 0 as long as its list is not there."""
    step = plan.steps[position]
    length = 0 if step.for_each is None else store.element_count(run_id, step.for_each) or 0
    return -(-length // step.batch_size)


def _folded(nodes: Iterable[NodeRecord]) -> tuple[Row, ...]:
    """One row a node, its items counted."""
    items: dict[int, list[NodeRecord]] = defaultdict(list)
    alone = []
    for node in nodes:
        if node.item is None:
            alone.append(node)
        else:
            items[node.position].append(node)
    return tuple(_with_items(node, items[node.position]) for node in alone)


def _with_items(node: NodeRecord, items: list[NodeRecord]) -> Row:
    if not items:
        return _row(node)
    done = sum(item.state.is_terminal for item in items)
    failed = sum(item.state is NodeState.FAILED for item in items)
    return _row(node, done=done, total=len(items), failed=failed)


def _row(node: NodeRecord, *, done: int | None = None, total: int | None = None, failed: int = 0) -> Row:
    return Row(
        name=node.name,
        item=node.item,
        state=node.state,
        started_at=node.started_at,
        finished_at=node.finished_at,
        attempt=node.attempt,
        why=why_it_waits(node),
        error=node.error,
        done=done,
        total=total,
        failed=failed,
    )
