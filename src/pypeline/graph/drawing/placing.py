"""Where the slots of each level stand across the drawing: near their neighbours, in order, apart."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pypeline.graph.drawing.layers import Layers

_ROUNDS = 6
# Bends in a long edge show most, so passing slots pull each other hardest.
_PULL_OF_LONG, _PULL_OF_END, _PULL = 8.0, 2.0, 1.0
# Of a slot that has no neighbour on the side of this pass: stay, unless others want the room.
_INERTIA = 0.25


def placed(
    layers: Layers, rows: Sequence[Sequence[int]], nodes: int, room: Callable[[int, int], int]
) -> list[float]:
    """
    The centre of each slot across the drawing, in pixels.

    ``nodes`` is the number of slots that are nodes, ``room`` the least distance of two neighbouring centres.
    """
    gaps = [[room(left, right) for left, right in pairwise(row)] for row in rows]
    centres = [0.0] * len(layers.levels)
    for row, between in zip(rows, gaps, strict=True):
        for slot, at in zip(row, accumulate(between, initial=-sum(between) / 2), strict=True):
            centres[slot] = at
    down = list(zip(rows, gaps, strict=True))
    both = [above + below for above, below in zip(layers.above, layers.below, strict=True)]
    passes = [(down, layers.above), (down[::-1], layers.below)] * _ROUNDS + [(down, both), (down[::-1], both)]
    for order, beside in passes:
        for row, between in order:
            _settle(row, between, centres, beside, nodes)
    return centres


def spread(wanted: Sequence[float], weights: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """
    The places nearest to those wanted, by weighted squares, that keep their order and these gaps.

    Isotonic regression by pooling adjacent violators, after the gaps are taken off.
    """
    offsets = list(accumulate(gaps, initial=0.0))
    pools: list[tuple[float, float, int]] = []
    for want, weight, offset in zip(wanted, weights, offsets, strict=True):
        mean, total, count = want - offset, weight, 1
        while pools and pools[-1][0] > mean:
            before, more, members = pools.pop()
            mean = (mean * total + before * more) / (total + more)
            total, count = total + more, count + members
        pools.append((mean, total, count))
    means = (mean for mean, _, count in pools for _ in range(count))
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _settle(
    row: Sequence[int], gaps: Sequence[int], centres: list[float], beside: Sequence[Sequence[int]], nodes: int
) -> None:
    """Move one row to where its neighbours pull it."""
    wanted, weights = [], []
    for slot in row:
        pulls = [(centres[other], _pull(slot, other, nodes)) for other in beside[slot]]
        weight = sum(pull for _, pull in pulls)
        wanted.append(sum(at * pull for at, pull in pulls) / weight if pulls else centres[slot])
        weights.append(weight or _INERTIA)
    for slot, at in zip(row, spread(wanted, weights, gaps), strict=True):
        centres[slot] = at


def _pull(slot: int, other: int, nodes: int) -> float:
    passing = (slot >= nodes) + (other >= nodes)
    return (_PULL, _PULL_OF_END, _PULL_OF_LONG)[passing]
