"""How states look: a mark, a colour and the word; the mark and the word suffice without colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from pypeline.runs.states import NodeState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pypeline.runs.states import RunState

STYLES = {
    "pending": "dim",
    "queued": "cyan",
    "running": "bold blue",
    "retrying": "yellow",
    "success": "green",
    "failed": "bold red",
    "skipped": "dim",
    "cancelled": "magenta",
}
_MARKS = {
    "pending": "·",
    "queued": "○",
    "running": "●",
    "retrying": "↻",
    "success": "✓",
    "failed": "✗",
    "skipped": "–",  # noqa: RUF001 - a dash
    "cancelled": "⊘",
}
_ORDER = (
    NodeState.FAILED,
    NodeState.CANCELLED,
    NodeState.RUNNING,
    NodeState.RETRYING,
    NodeState.QUEUED,
    NodeState.PENDING,
    NodeState.SKIPPED,
    NodeState.SUCCESS,
)


def mark(state: NodeState | RunState) -> Text:
    """One character for a state."""
    return Text(_MARKS[state.value], style=STYLES[state.value])


def word(state: NodeState | RunState) -> Text:
    """The state's word."""
    return Text(state.value, style=STYLES[state.value])


def tally(counts: Mapping[NodeState, int]) -> Text:
    """``1 failed, 4 running, 95 success``: what is there, the worst first."""
    parts = [
        Text(f"{counts[state]:,} {state.value}", STYLES[state.value]) for state in _ORDER if counts.get(state)
    ]
    return Text(", ").join(parts)


def bar(counts: Mapping[NodeState, int], *, width: int) -> Text:
    """The share of each state that has ended or runs, as a line; one failure of many still shows."""
    total = sum(counts.values())
    drawn = Text()
    for state in (
        NodeState.FAILED,
        NodeState.CANCELLED,
        NodeState.SUCCESS,
        NodeState.SKIPPED,
        NodeState.RUNNING,
    ):
        number = counts.get(state, 0)
        cells = number * width // total if total else 0
        cells = max(cells, 1) if number and state is not NodeState.RUNNING else cells
        drawn.append("━" * min(cells, width - len(drawn)), STYLES[state.value])
    drawn.append("─" * (width - len(drawn)), "dim")
    return drawn
