"""The drawing of a graph of any size: its levels, each node with those that follow it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypeline.graph.drawing.words import counted, kind, kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pypeline.graph.dag import Dag

_MOST_LEVELS = 60
_LAST_LEVELS = 10
_MOST_ROWS = 12
_MOST_FOLLOWING = 3


def draw_listing(dag: Dag, notes: Mapping[str, str]) -> list[str]:
    """At most 60 levels of at most 12 rows. A row is a node, or the nodes of one level with one prefix."""
    levels: list[list[int]] = [[] for _ in range(max(dag.levels, default=-1) + 1)]
    for position, level in enumerate(dag.levels):
        levels[level].append(position)
    cut = len(levels) if len(levels) <= _MOST_LEVELS else _MOST_LEVELS - _LAST_LEVELS
    resumed = max(cut, len(levels) - _LAST_LEVELS)
    shown = [*range(cut), *range(resumed, len(levels))]
    blocks = {number + 1: _level(dag, levels[number], notes) for number in shown}
    if resumed == cut:
        return _lines(blocks)
    hidden = levels[cut:resumed]
    gap = f"⋮  {counted(len(hidden), 'level')} with {counted(sum(map(len, hidden)), 'node')}"
    lines = _lines(blocks)
    first = sum(len(rows) for number, rows in blocks.items() if number <= cut)
    return [*lines[:first], gap, *lines[first:]]


def _lines(blocks: Mapping[int, Sequence[tuple[str, str]]]) -> list[str]:
    """The rows of the levels in columns; a level's number stands before its first row."""
    width = max((len(label) for rows in blocks.values() for label, _ in rows), default=0)
    margin = len(str(max(blocks, default=0)))
    return [
        f"{'' if index else number:>{margin}}  {label:<{width}}  {following}"
        for number, rows in blocks.items()
        for index, (label, following) in enumerate(rows)
    ]


def _level(dag: Dag, level: Sequence[int], notes: Mapping[str, str]) -> list[tuple[str, str]]:
    if len(level) <= _MOST_ROWS:
        return [_row(dag, [position], notes) for position in level]
    groups = kinds([dag.names[position] for position in level])
    kept = groups if len(groups) <= _MOST_ROWS else groups[: _MOST_ROWS - 1]
    rows = [_row(dag, [dag.positions[name] for name in group], notes) for group in kept]
    others = sum(map(len, groups)) - sum(map(len, kept))
    return [*rows, (f"and {others:,} others", "")] if others else rows


def _row(dag: Dag, nodes: Sequence[int], notes: Mapping[str, str]) -> tuple[str, str]:
    following = sorted({child for node in nodes for child in dag.successors[node]})
    said = {notes.get(dag.names[node], "") for node in nodes}
    note = said.pop() if len(said) == 1 else ""
    label = "  ".join(filter(None, (kind([dag.names[node] for node in nodes]), note)))
    return label, _arrow([dag.names[child] for child in following])


def _arrow(names: Sequence[str]) -> str:
    """The names if they are few, else their kinds."""
    if not names:
        return ""
    groups = [[name] for name in names] if len(names) <= _MOST_FOLLOWING else kinds(names)
    shown = [kind(group) for group in groups[:_MOST_FOLLOWING]]
    rest = sum(map(len, groups[_MOST_FOLLOWING:]))
    return "→ " + ", ".join(shown) + (f" and {rest:,} more" if rest else "")
