"""What makes an adjacency no DAG."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_MOST_CYCLES = 20


def find_cycles(adjacency: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """
    Cycles of the graph, each as the path that returns to its first node; at most 20.

    A self loop is the cycle ``[a, a]``. After one cycle is found its last edge is set aside, so what comes
    back are cycles that each need a cut of their own. Equal input gives equal cycles.
    """
    # Dicts stand for sets that keep their order: that of a set would choose the cycle by the seed of hashes.
    follow = {node: dict.fromkeys(following) for node, following in adjacency.items()}
    cycles = [[node, node] for node, following in follow.items() if node in following]
    for node, _ in cycles:
        del follow[node][node]
    while len(cycles) < _MOST_CYCLES:
        cycle = _one_cycle(follow)
        if cycle is None:
            break
        cycles.append(cycle)
        del follow[cycle[-2]][cycle[-1]]
    return cycles[:_MOST_CYCLES]


def _one_cycle(follow: Mapping[str, Iterable[str]]) -> list[str] | None:
    # The sorter wants predecessors; told of successors instead it meets the same cycles, walked in reverse.
    try:
        TopologicalSorter(follow).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return None
