"""The order of the slots within each level, by barycentres: every slot near the mean of its neighbours."""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pypeline.graph.drawing.layers import Layers

_SWEEPS = 12
_FEWEST_SWEEPS = 4
# Beyond this many slots the sweeps end early: each costs a second per 100,000 slots or so.
_MANY_SLOTS = 5_000


def ordered(layers: Layers) -> list[list[int]]:
    """The rows of the layers, ordered so that few edges cross."""
    rows = _as_met(layers)
    best, fewest = rows, crossings(rows, layers.below)
    for sweep in range(_SWEEPS if len(layers.levels) < _MANY_SLOTS else _FEWEST_SWEEPS):
        if not fewest:
            break
        rows = _swept(rows, layers.below if sweep % 2 else layers.above, upwards=bool(sweep % 2))
        crossed = crossings(rows, layers.below)
        if crossed < fewest:
            best, fewest = rows, crossed
    return best


def crossings(rows: Sequence[Sequence[int]], below: Sequence[Sequence[int]]) -> int:
    """How many pairs of links between neighbouring rows cross."""
    place = _places(rows)
    total = 0
    for row in rows:
        passed: list[int] = []
        for slot in row:
            ends = sorted(place[lower] for lower in below[slot])
            total += sum(len(passed) - bisect_right(passed, end) for end in ends)
            for end in ends:
                insort(passed, end)
    return total


def _as_met(layers: Layers) -> list[list[int]]:
    """Rows in the order in which a walk in depth meets their slots: kin start side by side."""
    rows: list[list[int]] = [[] for _ in layers.rows()]
    met = [False] * len(layers.levels)
    waiting = [slot for slot in reversed(range(len(met))) if not layers.above[slot]]
    while waiting:
        slot = waiting.pop()
        if not met[slot]:
            met[slot] = True
            rows[layers.levels[slot]].append(slot)
            waiting.extend(reversed(layers.below[slot]))
    return rows


def _swept(
    rows: Sequence[Sequence[int]], beside: Sequence[Sequence[int]], *, upwards: bool
) -> list[list[int]]:
    # Places are shares of a row, so that a slot without neighbours can keep its own.
    share = {slot: (index + 0.5) / len(row) for row in rows for index, slot in enumerate(row)}
    swept = []
    for row in reversed(rows) if upwards else rows:
        centres = {
            slot: sum(share[other] for other in beside[slot]) / len(beside[slot])
            if beside[slot]
            else share[slot]
            for slot in row
        }
        ranked = sorted(row, key=centres.__getitem__)
        share.update((slot, (index + 0.5) / len(row)) for index, slot in enumerate(ranked))
        swept.append(ranked)
    return swept[::-1] if upwards else swept


def _places(rows: Sequence[Sequence[int]]) -> dict[int, int]:
    return {slot: index for row in rows for index, slot in enumerate(row)}
