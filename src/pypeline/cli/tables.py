"""What a finished look at runs prints: tables of runs and nodes, errors, results."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from pypeline.application.documents import why_it_waits
from pypeline.application.listeners import NOBODY_ASKED
from pypeline.cli import words
from pypeline.cli.columns import aligned
from pypeline.cli.marks import mark, tally, word
from pypeline.results import Reference, is_reference
from pypeline.runs.states import NodeState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console, RenderableType

    from pypeline.application.listeners import Listeners
    from pypeline.runs.outcome import ErrorInfo
    from pypeline.store.records import AttemptRecord, NodeRecord, RunRecord
    from pypeline.types import JsonValue

SHORT_ID = 8
_RESULT_WIDTH = 72
_RESULT_COLUMNS = 100
_MOST_KEYS = 16
_MOST_ERRORS = 8


def run_line(run: RunRecord, console: Console) -> Text:
    """``✓ document-stats  success in 1.9s  run 6f0c…``."""
    now = datetime.now(UTC)
    line = Text.assemble(mark(run.state), " ", (run.pipeline_id, "bold"), "  ", word(run.state))
    if run.started_at is not None:
        line.append(
            f" {'in' if run.finished_at else 'for'} {words.took(run.started_at, run.finished_at, now=now)}"
        )
    shown = run.run_id if len(line) + len(run.run_id) + 6 <= console.width else shown_id(run.run_id, console)
    return line.append(f"  run {shown}", "dim")


def shown_id(run_id: str, console: Console) -> str:
    """The id: as long as people need it, whole where the reader may be a program."""
    return run_id[:SHORT_ID] if console.is_terminal else run_id


def runs_table(runs: Iterable[RunRecord], console: Console) -> Text:
    """Runs, a line each; ids are whole where the reader is a program."""
    now = datetime.now(UTC)
    rows = [
        (
            mark(run.state),
            shown_id(run.run_id, console),
            run.pipeline_id,
            word(run.state),
            words.took(run.started_at, run.finished_at, now=now),
            words.ago(run.created_at, now=now),
            tally(run.counts),
        )
        for run in runs
    ]
    header = ("", "run", "pipeline", "state", "time", "created", "nodes")
    return aligned(header, rows, width=console.width, right=frozenset({4}), elastic=(6, 2))


def nodes_table(
    nodes: Iterable[NodeRecord], console: Console, *, listeners: Listeners = NOBODY_ASKED
) -> Text:
    """Nodes, a line each, with their results shortened, or what they wait for."""
    now = datetime.now(UTC)
    rows = [
        (
            mark(node.state),
            node.name if node.item is None else f"  [{node.item}]",
            word(node.state),
            words.took(node.started_at, node.finished_at, now=now),
            str(node.attempt or ""),
            _said(node, listeners),
        )
        for node in nodes
    ]
    header = ("", "node", "state", "time", "attempts", "result")
    return aligned(header, rows, width=console.width, right=frozenset({3, 4}), elastic=(5, 1))


def errors_list(failed: Sequence[tuple[str, ErrorInfo]]) -> RenderableType:
    """Each different error once: where it happened, what it said, where it came from."""
    grouped: dict[tuple[str, str], list[tuple[str, ErrorInfo]]] = {}
    for label, error in failed:
        grouped.setdefault((error.type, error.message), []).append((label, error))
    shown = [_error(alike) for alike in list(grouped.values())[:_MOST_ERRORS]]
    if len(grouped) > _MOST_ERRORS:
        shown.append(Text(f"… and {words.counted(len(grouped) - _MOST_ERRORS, 'other error')}"))
    return Group(*shown)


def attempts_table(attempts: Iterable[AttemptRecord], names: Mapping[int, str], console: Console) -> Text:
    """Attempts that did not succeed, oldest first; ``names`` are those of the positions."""
    rows = [
        (
            names[attempt.ref.position] + ("" if attempt.ref.item < 0 else f"[{attempt.ref.item}]"),
            str(attempt.ref.attempt),
            attempt.outcome,
            words.took(attempt.started_at, attempt.finished_at),
            words.ago(attempt.finished_at),
            "" if attempt.error is None else _shown_error(attempt.error),
        )
        for attempt in attempts
    ]
    header = ("node", "attempt", "outcome", "time", "ended", "error")
    return aligned(header, rows, width=console.width, right=frozenset({1, 3}), elastic=(5, 0))


def results_list(results: Mapping[str, JsonValue | Reference], console: Console) -> RenderableType:
    """The final results, a line for each key; `show --node` has them whole."""
    width = min(console.width, _RESULT_COLUMNS) - 2
    parts: list[RenderableType] = []
    for name, result in results.items():
        parts.append(Text.assemble(("result of ", "dim"), (name, "bold")))
        parts.append(Text("\n".join(f"  {line}" for line in _result_lines(result, width))))
    return Group(*parts)


def _result_lines(result: JsonValue | Reference, width: int) -> list[str]:
    if isinstance(result, Reference):
        return [str(result)]
    if not isinstance(result, dict):
        return [words.compact(result, limit=width)]
    keys = [words.shortened(key, width // 3) for key in list(result)[:_MOST_KEYS]]
    column = max(map(len, keys), default=0)
    lines = [
        f"{key:<{column}}  {words.compact(value, limit=width - column - 2)}"
        for key, value in zip(keys, result.values(), strict=False)
    ]
    left = len(result) - len(keys)
    return [*lines, f"… {words.counted(left, 'more key')}"] if left else lines


def _said(node: NodeRecord, listeners: Listeners) -> Text:
    if (why := why_it_waits(node, listeners)) is not None:
        return Text(" ".join(why.split()), "dim")
    if node.progress is not None and node.state is NodeState.RUNNING:
        return Text(words.progress(node.progress), "dim")
    if node.error is not None:
        return Text(_shown_error(node.error))
    if node.result is not None:
        return _said_result(node.result)
    if node.items is not None:
        return Text(words.counted(node.items, "item"), "dim")
    return Text("" if node.elements is None else f"a list of {node.elements:,}", "dim")


def _said_result(text: str) -> Text:
    if is_reference(text):
        return Text(Reference.of(text).amount, "dim")
    return Text("" if text == "null" else words.shortened(text, _RESULT_WIDTH))


def _error(alike: Sequence[tuple[str, ErrorInfo]]) -> RenderableType:
    label, error = alike[0]
    line = Text.assemble((label, "bold red"), "  ", f"{error.type}: {error.message}")
    if len(alike) > 1:
        line.append(f"  (and {len(alike) - 1:,} more like it)", "dim")
    place = place_of(error)
    return Group(line, Text(f"  at {place}", "dim")) if place else line


def place_of(error: ErrorInfo) -> str | None:
    """``tasks.py:12 in clean``: the last place of a traceback."""
    lines = [line.strip() for line in (error.traceback or "").splitlines()]
    places = [line for line in lines if line.startswith('File "')]
    if not places:
        return None
    file, _, rest = places[-1].removeprefix('File "').partition('", line ')
    number, _, function = rest.partition(", in ")
    return f"{file}:{number} in {function}" if function else f"{file}:{number}"


def _shown_error(error: ErrorInfo) -> str:
    return words.shortened(f"{error.type}: {error.message}", _RESULT_WIDTH)
