"""The immutable graph of a pipeline."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True)
class Dag:
    """
    Nodes in topological order, and the positions that each one leads to and comes from.

    A node's position is its index in ``names``. An adjacency that is read again gives the same positions:
    ties are broken by the order in which the names first appear, so the order of its keys counts.
    """

    names: tuple[str, ...]
    successors: tuple[tuple[int, ...], ...]

    @classmethod
    def from_adjacency(cls, adjacency: Mapping[str, Sequence[str]]) -> Dag:
        """
        The graph of ``{node: the nodes that follow it}``.

        Raises ValueError if there is a cycle; `pypeline.graph.cycles.find_cycles` tells which.
        """
        declared = _names_in_order(adjacency)
        follow = [sorted({declared[name] for name in adjacency.get(node, ())}) for node in declared]
        order = _topological_order(follow)
        position = {old: new for new, old in enumerate(order)}
        names = tuple(declared)
        return cls(
            names=tuple(names[old] for old in order),
            successors=tuple(tuple(sorted(position[child] for child in follow[old])) for old in order),
        )

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def predecessors(self) -> tuple[tuple[int, ...], ...]:
        """For each position, the positions that lead to it, ascending."""
        found: list[list[int]] = [[] for _ in self.names]
        for parent, children in enumerate(self.successors):
            for child in children:
                found[child].append(parent)
        return tuple(tuple(parents) for parents in found)

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """The position of each name."""
        return {name: position for position, name in enumerate(self.names)}

    @cached_property
    def levels(self) -> tuple[int, ...]:
        """For each position, the length of the longest path that leads to it."""
        levels = [0] * len(self.names)
        for parent, children in enumerate(self.successors):
            for child in children:
                levels[child] = max(levels[child], levels[parent] + 1)
        return tuple(levels)

    def descendants(self, positions: Iterable[int]) -> frozenset[int]:
        """Everything that can be reached from these positions, themselves not included unless reached."""
        reached: set[int] = set()
        waiting = list(positions)
        while waiting:
            fresh = [child for child in self.successors[waiting.pop()] if child not in reached]
            reached.update(fresh)
            waiting.extend(fresh)
        return frozenset(reached)


def _names_in_order(adjacency: Mapping[str, Sequence[str]]) -> dict[str, int]:
    names: dict[str, int] = {}
    for node, following in adjacency.items():
        for name in (node, *following):
            names.setdefault(name, len(names))
    return names


def _topological_order(follow: Sequence[Sequence[int]]) -> list[int]:
    """Kahn's algorithm; among the free nodes the one that was declared first comes first."""
    open_parents = [0] * len(follow)
    for children in follow:
        for child in children:
            open_parents[child] += 1
    free = [node for node, parents in enumerate(open_parents) if not parents]
    order = []
    while free:
        node = heapq.heappop(free)
        order.append(node)
        for child in follow[node]:
            open_parents[child] -= 1
            if not open_parents[child]:
                heapq.heappush(free, child)
    if len(order) < len(follow):
        raise ValueError("the graph has a cycle")
    return order
