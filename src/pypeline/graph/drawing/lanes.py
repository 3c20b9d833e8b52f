"""
The drawing of a small graph, a node a row, in the manner of ``git log --graph``.

A lane is a column that waits for one node. Where lanes meet there is a joint; a lane that only crosses
is drawn unbroken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pypeline.graph.dag import Dag

_MOST_NODES = 60
_MOST_LANES = 8

_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
# By the sum of the directions in which a joint has arms.
_JOINTS = " ╵╷│╴╯╮┤╶╰╭├─┴┬┼"


def draw_lanes(dag: Dag, notes: Mapping[str, str]) -> list[str] | None:
    """The rows, top down; None if the graph has too many nodes or too many lanes side by side."""
    if len(dag) > _MOST_NODES:
        return None
    lanes = _Lanes()
    rows: list[tuple[str, str]] = []
    for position, name in enumerate(dag.names):
        column = lanes.take(position)
        if not dag.predecessors[position] and rows and rows[-1][0][2 * column : 2 * column + 1].strip():
            rows.append(
                (lanes.node_row(None, but=column), "")
            )  # else a root seems to follow what ended above it
        rows.append((lanes.node_row(column), "  ".join(filter(None, (name, notes.get(name))))))
        joints = lanes.release(column, dag.successors[position])
        if joints:
            rows.append((joints, ""))
        if len(lanes.awaited) > _MOST_LANES:
            return None
    width = max((len(drawn) for drawn, _ in rows), default=0)
    return [f"{drawn:<{width}}  {words}" for drawn, words in rows]


@dataclass
class _Lanes:
    """For each column the position that it waits for, or None where it is free."""

    awaited: list[int | None] = field(default_factory=list)

    def take(self, position: int) -> int:
        """The column in which this node is drawn; a root opens one."""
        if position not in self.awaited:
            self._open(position, near=0)
        return self.awaited.index(position)

    def node_row(self, column: int | None, *, but: int | None = None) -> str:
        """The lanes beside a node. Without a node: the lanes alone, but for one that begins below."""
        free = {at for at, lane in enumerate(self.awaited) if lane is None} | {but}
        return " ".join(
            "●" if at == column else " " if at in free else "│" for at in range(len(self.awaited))
        )

    def release(self, column: int, children: tuple[int, ...]) -> str:
        """Let the node's lane go on to its children; the row of joints, if it takes one."""
        passing = {at for at, lane in enumerate(self.awaited) if lane is not None and at != column}
        self.awaited[column] = None
        for child in children:
            if child not in self.awaited:
                self._open(child, near=column)
        ends = {self.awaited.index(child) for child in children}
        row = self._joints(column, ends, passing) if ends - {column} else ""
        while self.awaited and self.awaited[-1] is None:
            self.awaited.pop()
        return row

    def _open(self, position: int, near: int) -> None:
        free = [at for at, lane in enumerate(self.awaited) if lane is None]
        if not free:
            free = [len(self.awaited)]
            self.awaited.append(None)
        self.awaited[min(free, key=lambda at: (abs(at - near), at))] = position

    def _joints(self, column: int, ends: set[int], passing: set[int]) -> str:
        left, right = min(ends | {column}), max(ends | {column})
        row = ""
        for at in range(len(self.awaited)):
            joint = at == column or at in ends
            arms = _UP * (at == column or at in passing) + _DOWN * (at in ends or at in passing)
            if joint or at not in passing:
                arms += _LEFT * (left < at <= right) + _RIGHT * (left <= at < right)
            row += _JOINTS[arms] + ("─" if left <= at < right else " ")
        return row.rstrip()
