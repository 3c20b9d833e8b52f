"""What drawings write: names and notes on one line, and counts in words."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pypeline.graph.dag import Dag


def plain(text: str) -> str:
    """The text on one line, without what a terminal or XML would take for a command."""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())


def shortened(text: str, limit: int) -> str:
    """The text in at most ``limit`` characters. Its middle is left out: names differ at their ends."""
    if len(text) <= limit:
        return text
    head = (limit - 1) // 2
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"


def counted(number: int, word: str) -> str:
    """``1 node``, ``2,000 nodes``."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def size_of(dag: Dag) -> str:
    """``4 nodes in 3 levels``."""
    return f"{counted(len(dag), 'node')} in {counted(max(dag.levels, default=-1) + 1, 'level')}"


def prefix_of(name: str) -> str:
    """The name without the number that it ends in, so that ``part-001`` and ``part-002`` are of one kind."""
    return name.rstrip("0123456789")


def kinds(names: Sequence[str]) -> list[list[str]]:
    """The names by their prefix, the largest group first, then as they came."""
    groups = [list(group) for _, group in groupby(sorted(names, key=prefix_of), key=prefix_of)]
    first = {name: index for index, name in reversed(list(enumerate(names)))}
    for group in groups:
        group.sort(key=first.__getitem__)
    return sorted(groups, key=lambda group: (-len(group), first[group[0]]))


def kind(names: Sequence[str]) -> str:
    """``part-* (20)`` for names of one prefix; the name itself if there is only one."""
    return names[0] if len(names) == 1 else f"{prefix_of(names[0])}* ({len(names):,})"
