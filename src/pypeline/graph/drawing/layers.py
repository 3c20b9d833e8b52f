"""The layers of a drawing: nodes at levels, and slots through which long edges pass the levels between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypeline.graph.dag import Dag

# Passing slots cost as much as nodes. Beyond this number the longest edges take the direct way.
_MOST_PASSING = 30_000


@dataclass(frozen=True)
class Layers:
    """
    Slots by number: first the nodes by position, then the passing slots.

    ``levels`` holds each slot's level, ``above`` and ``below`` its neighbours in the level before and
    after. ``passing`` maps an edge to the slots that it takes on its way. Edges of one node share them.
    """

    levels: list[int]
    above: list[list[int]]
    below: list[list[int]]
    passing: dict[tuple[int, int], list[int]]

    def rows(self) -> list[list[int]]:
        """The slots of each level, ascending."""
        rows: list[list[int]] = [[] for _ in range(max(self.levels, default=-1) + 1)]
        for slot, level in enumerate(self.levels):
            rows[level].append(slot)
        return rows


def layers_of(dag: Dag) -> Layers:
    """The layers of a graph."""
    levels = _levels(dag)
    layers = Layers(levels, [[] for _ in levels], [[] for _ in levels], {})
    trunks: dict[int, list[int]] = {}
    for parent, child in _drawn_through(dag, levels):
        trunk = trunks.setdefault(parent, [parent])
        span = levels[child] - levels[parent]
        while len(trunk) < span:
            trunk.append(_pass_on(layers, trunk[-1]))
        layers.passing[parent, child] = trunk[1:span]
        _link(layers, trunk[span - 1], child)
    return layers


def _levels(dag: Dag) -> list[int]:
    """The longest path to each node; one with more ways out than in moves on towards what follows it."""
    levels = list(dag.levels)
    for position in reversed(range(len(dag))):
        following = dag.successors[position]
        if len(following) > len(dag.predecessors[position]):
            levels[position] = min(levels[child] for child in following) - 1
    return levels


def _drawn_through(dag: Dag, levels: list[int]) -> list[tuple[int, int]]:
    """The edges that may take passing slots, shortest first, as far as the slots last."""
    edges = [(parent, child) for parent, children in enumerate(dag.successors) for child in children]
    edges.sort(key=lambda edge: levels[edge[1]] - levels[edge[0]])
    reach = dict.fromkeys(range(len(dag)), 1)
    left = _MOST_PASSING
    for index, (parent, child) in enumerate(edges):
        span = levels[child] - levels[parent]
        left -= max(0, span - reach[parent])
        if left < 0:
            return edges[:index]
        reach[parent] = max(reach[parent], span)
    return edges


def _pass_on(layers: Layers, slot: int) -> int:
    fresh = len(layers.levels)
    layers.levels.append(layers.levels[slot] + 1)
    layers.above.append([])
    layers.below.append([])
    _link(layers, slot, fresh)
    return fresh


def _link(layers: Layers, upper: int, lower: int) -> None:
    layers.below[upper].append(lower)
    layers.above[lower].append(upper)
