"""What must hold of every run, whatever happened while it ran."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from chaos.history import ENDED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chaos.application.chaos_ledger import Entry
    from chaos.history import Key, Move
    from chaos.shapes import Shape

MOST_TRIES = 4
"""``maxRetry`` + 1 of every pipeline of the suite."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """
    What is known of the runs of one trial.

    ``documents`` are the runs as the product shows them, ``moves`` what the database kept, ``entries`` what
    the handlers wrote.
    """

    shapes: Mapping[str, Shape]
    documents: Mapping[str, dict[str, Any]]
    moves: Mapping[Key, Sequence[Move]]
    entries: Sequence[Entry]

    @property
    def begun(self) -> Counter[tuple[str, str, int | None, int]]:
        """How often the handler of each attempt began."""
        return Counter(
            (entry.run, entry.node, entry.item, entry.attempt) for entry in self.entries if not entry.ended
        )

    @property
    def duplicates(self) -> int:
        """Attempts that ran more than once, and outcomes that were recorded more than once."""
        ran = sum(times - 1 for times in self.begun.values())
        recorded = sum(max(0, _endings(moves) - 1) for moves in self.moves.values())
        return ran + recorded


def charged(evidence: Evidence) -> list[Move]:
    """The moves that charged an attempt which no handler of the suite fails by itself."""
    fails_by_itself = {"retries", "all-done"}
    return [
        move
        for key, moves in evidence.moves.items()
        for before, move in pairwise(moves)
        if move.tries > before.tries and evidence.shapes[key.run].pipeline not in fails_by_itself
    ]


def check(evidence: Evidence) -> None:
    """Every run ended as its shape says, each outcome was recorded once, and nothing was done too often."""
    for run, shape in evidence.shapes.items():
        _ended_as_it_should(shape, evidence.documents[run])
        _in_order(run, shape, evidence)
    for key, moves in evidence.moves.items():
        _recorded_once(key, moves)
        _within_its_tries(key, moves)
    _ran_what_was_claimed(evidence)


def _ended_as_it_should(shape: Shape, document: dict[str, Any]) -> None:
    nodes = [node for node in document["nodes"] if node["index"] is None]
    states = {node["node"]: node["state"] for node in nodes}
    results = {node["node"]: node["result"] for node in nodes if node["state"] == "success"}
    expected = {
        name: list(result) if isinstance(result, tuple) else result for name, result in shape.results.items()
    }
    assert states == dict.fromkeys(shape.results, "success") | (shape.others or {}), document
    assert results == expected, document
    assert document["state"] == shape.state, document


def _recorded_once(key: Key, moves: Sequence[Move]) -> None:
    ends = [index for index, move in enumerate(moves) if move.new in ENDED]
    assert ends == [len(moves) - 1], f"{key} ended other than once, at last: {moves}"
    claims = [move.attempt for move in moves if move.is_claim]
    assert len(claims) == len(set(claims)), f"{key} has an attempt that was claimed twice: {moves}"


def _within_its_tries(key: Key, moves: Sequence[Move]) -> None:
    most = max(move.tries for move in moves)
    assert most <= MOST_TRIES, f"{key} was charged {most} times: {moves}"


def _ran_what_was_claimed(evidence: Evidence) -> None:
    """No attempt ran twice, none that the database does not know of; what succeeded did run, to its end."""
    twice = [attempt for attempt, times in evidence.begun.items() if times > 1]
    assert not twice, f"these attempts ran more than once: {twice}"
    claimed = {_attempt(move) for moves in evidence.moves.values() for move in moves if move.is_claim}
    unknown = set(evidence.begun) - claimed
    assert not unknown, f"these attempts ran without a claim: {unknown}"
    ended = {(entry.run, entry.node, entry.item, entry.attempt) for entry in evidence.entries if entry.ended}
    recorded = {
        _attempt(moves[-1])
        for moves in evidence.moves.values()
        if moves[-1].new == "success" and not moves[-1].maps
    }
    assert recorded <= ended, f"these succeeded without running: {recorded - ended}"


def _in_order(run: str, shape: Shape, evidence: Evidence) -> None:
    """No handler began before the attempts that were recorded of the nodes in front of it had ended."""
    recorded = {_attempt(moves[-1]) for moves in evidence.moves.values()}
    mine = [entry for entry in evidence.entries if entry.run == run]
    for before, names in shape.edges.items():
        ends = [
            entry.at
            for entry in mine
            if entry.node == before and entry.ended and (run, before, entry.item, entry.attempt) in recorded
        ]
        begins = [entry.at for entry in mine if entry.node in names and not entry.ended]
        assert max(ends, default=0.0) <= min(begins, default=math.inf), (
            f"run {run}: one of {names} began before {before} had ended"
        )


def _attempt(move: Move) -> tuple[str, str, int | None, int]:
    return move.key.run, move.name, None if move.key.item < 0 else move.key.item, move.attempt


def _endings(moves: Sequence[Move]) -> int:
    return sum(move.new in ENDED for move in moves)
