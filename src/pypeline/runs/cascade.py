"""What becomes of waiting nodes when others end: pure, so that one set of rules serves every database."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pypeline.runs.rules import rule_holds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pypeline.runs.plan import Plan


@dataclass(slots=True)
class Counters:
    """What a node knows of its predecessors: how many have not ended, failed, were skipped."""

    waiting: int
    failed: int
    skipped: int


@dataclass(slots=True)
class Decided:
    """
    Which nodes run now and which are skipped, in topological order.

    ``lowered`` holds the counters that changed, of nodes that are ready or go on waiting.
    """

    ready: list[int] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    lowered: dict[int, Counters] = field(default_factory=dict)


def decide(plan: Plan, position: int, counters: Counters) -> bool | None:
    """True: the node runs; False: it is skipped; None: it waits. A node without predecessors always runs."""
    if counters.waiting:
        return None
    return not plan.dag.predecessors[position] or rule_holds(
        plan.steps[position].rule, failed=counters.failed, skipped=counters.skipped
    )


def cascade(plan: Plan, skipped: Iterable[int], waiting: Mapping[int, Counters]) -> Decided:
    """
    Follow nodes that are skipped by their rule to all that this decides.

    ``waiting`` holds the counters of every pending descendant, and those of the ``skipped`` nodes themselves:
    afterwards they are those that each node ends or goes on with.
    """
    decided = Decided()
    heap = sorted(skipped)
    while heap:
        position = heapq.heappop(heap)
        decided.skipped.append(position)
        after_failure = waiting[position].failed > 0
        for child in plan.dag.successors[position]:
            counters = waiting.get(child)
            if counters is None:
                continue
            counters.waiting -= 1
            counters.failed += after_failure
            counters.skipped += not after_failure
            _place(plan, child, counters, decided, heap)
    return decided


def _place(plan: Plan, child: int, counters: Counters, decided: Decided, heap: list[int]) -> None:
    runs = decide(plan, child, counters)
    if runs is False:
        decided.lowered.pop(child, None)
        heapq.heappush(heap, child)
        return
    decided.lowered[child] = counters
    if runs:
        decided.ready.append(child)
