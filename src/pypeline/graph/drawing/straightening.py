"""The last touch on a layout: edges that are nearly straight become straight, where there is room."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pypeline.graph.drawing.layers import Layers

# Pixels that a node moves at most to stand in line with a neighbour.
_NEAR = 16


def straighten(
    layers: Layers,
    rows: Sequence[Sequence[int]],
    centres: list[float],
    room: Callable[[int, int], int],
    nodes: int,
) -> None:
    """Move centres within their free space: nodes into line with a neighbour, long edges onto few lines."""
    limits = _Limits(rows, centres, room)
    for slot in (slot for row in rows for slot in row if slot < nodes):
        low, high = limits.of(slot)
        beside = (centres[other] for other in layers.above[slot] if other < nodes)
        near = [at for at in beside if low <= at <= high]
        best = min(near, key=lambda at: abs(at - centres[slot]), default=centres[slot])
        if abs(best - centres[slot]) <= _NEAR:
            centres[slot] = best
    for first in range(nodes, len(centres)):
        if layers.above[first][0] < nodes:
            _straighten_trunk(layers, first, centres, limits, nodes)


class _Limits:
    """How far a slot may move before it comes too near to the next one in its row."""

    def __init__(
        self, rows: Sequence[Sequence[int]], centres: list[float], room: Callable[[int, int], int]
    ) -> None:
        pairs = [pair for row in rows for pair in pairwise(row)]
        self._centres = centres
        self._before = {right: (left, room(left, right)) for left, right in pairs}
        self._after = {left: (right, room(left, right)) for left, right in pairs}

    def of(self, slot: int) -> tuple[float, float]:
        low, high = float("-inf"), float("inf")
        if slot in self._before:
            left, room = self._before[slot]
            low = self._centres[left] + room
        if slot in self._after:
            right, room = self._after[slot]
            high = self._centres[right] - room
        return low, high


def _straighten_trunk(layers: Layers, first: int, centres: list[float], limits: _Limits, nodes: int) -> None:
    """Lay the passing slots of one node onto lines, each as long as the room allows."""
    slot: int | None = first
    while slot is not None:
        run: list[int] = []
        low, high = float("-inf"), float("inf")
        while slot is not None:
            lowest, highest = limits.of(slot)
            if run and max(low, lowest) > min(high, highest):
                break
            low, high = max(low, lowest), min(high, highest)
            run.append(slot)
            slot = next((lower for lower in layers.below[slot] if lower >= nodes), None)
        line = _line(layers, run, centres, low, high)
        for passed in run:
            centres[passed] = line


def _line(layers: Layers, run: Sequence[int], centres: Sequence[float], low: float, high: float) -> float:
    """Where the run bends least: in line with what it comes from or leads to, else near where it was."""
    ends = [centres[slot] for slot in (*layers.above[run[0]], *layers.below[run[-1]])]
    mean = sum(centres[slot] for slot in run) / len(run)
    fitting = [end for end in ends if low <= end <= high]
    return min(fitting, key=lambda end: abs(end - mean), default=min(max(mean, low), high))
