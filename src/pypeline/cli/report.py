"""What is printed about one run as a whole, at its end and later."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING

import click
from rich.text import Text

from pypeline.cli import words
from pypeline.cli.failures import ExitCode
from pypeline.cli.marks import tally
from pypeline.cli.tables import errors_list, nodes_table, results_list, run_line, shown_id
from pypeline.results import Reference, is_reference
from pypeline.runs.states import NodeState, RunState

if TYPE_CHECKING:
    from rich.console import Console

    from pypeline.bootstrap import System
    from pypeline.cli.wishes import Wishes
    from pypeline.runs.outcome import ErrorInfo
    from pypeline.store.records import NodeRecord, RunRecord
    from pypeline.types import JsonValue

_MOST_NODES = 40
_FIRST_NODES = 20
_MOST_READ = 1000
_MOST_ELEMENTS = 1000
_MOST_RESULTS = 5
_FAILED = frozenset({NodeState.FAILED})


def print_report(system: System, run_id: str, console: Console, *, facts: bool = False) -> None:
    """
    The run in a line, its nodes, its errors, its final results, and what to do next.

    With ``facts`` also when it was started, by whom, with which payload.
    """
    run = system.application.run(run_id)
    console.print(run_line(run, console), soft_wrap=True)
    if facts:
        _print_facts(run, console)
    _print_nodes(system, run, console)
    _print_errors(system, run, console)
    results = final_results(system, run_id)
    if results:
        console.print()
        console.print(results_list(results, console), soft_wrap=True)
    console.print()
    for line in _next_steps(system, run, console):
        console.print(Text(line, "dim"), soft_wrap=True)


def _print_facts(run: RunRecord, console: Console) -> None:
    times = [f"created {words.exactly(run.created_at)} by {run.trigger}"]
    if run.finished_at is not None:
        times.append(f"ended {words.exactly(run.finished_at)}")
    console.print(Text("\n".join(times), "dim"), soft_wrap=True)
    if run.payload:
        console.print(Text(f"payload {words.compact(run.payload, limit=200)}", "dim"), soft_wrap=True)


def _print_errors(system: System, run: RunRecord, console: Console) -> None:
    failed = errors_of(system, run.run_id)
    if run.error is not None and run.error not in {
        f"{name}: {error.type}: {error.message}" for name, error in failed
    }:
        console.print()
        console.print(Text(run.error, "bold red"), soft_wrap=True)
    if failed:
        console.print()
        console.print(errors_list(failed), soft_wrap=True)


def _print_nodes(system: System, run: RunRecord, console: Console) -> None:
    """The table of nodes: all of them where they are few, else those that failed first."""
    run_id = run.run_id
    nodes = system.application.nodes(run_id, limit=_MOST_NODES + 1, items=False)
    if len(nodes) > _MOST_NODES:
        failed = system.application.nodes(run_id, limit=_FIRST_NODES, states=_FAILED, items=False)
        nodes = _most_telling(nodes, failed)
    console.print()
    listeners = system.application.listeners(run)
    console.print(nodes_table(nodes, console, listeners=listeners), soft_wrap=True)
    left_out = len(system.application.plan(run_id).dag) - len(nodes)
    if left_out:
        line = Text(f"   … and {words.counted(left_out, 'more node')}; in all ")
        console.print(line.append_text(tally(run.counts)), soft_wrap=True)


def errors_of(system: System, run_id: str) -> list[tuple[str, ErrorInfo]]:
    """What failed, by label, with its error; of a node whose items failed the items."""
    failed = system.application.nodes(run_id, limit=_MOST_READ, states=_FAILED)
    of_items = {node.position for node in failed if node.item is not None}
    return [
        (label(node), node.error)
        for node in failed
        if node.error is not None and not (node.item is None and node.position in of_items)
    ]


def final_results(system: System, run_id: str) -> dict[str, JsonValue | Reference]:
    """The results of the nodes that nothing follows, by name, as `result_of` tells: a few that have one."""
    plan = system.application.plan(run_id)
    found = {plan.dag.names[at]: result_of(system, run_id, at) for at in plan.sinks[:_MOST_RESULTS]}
    return {name: result for name, result in found.items() if result is not None}


def result_of(system: System, run_id: str, position: int) -> JsonValue | Reference:
    """The result at a position, or where it is if it is large; of one with very many elements the first."""
    text = system.application.kept_result(run_id, position)
    if text is not None:
        return shown_result(text)
    if system.application.element_count(run_id, position) is None:
        return None
    parts = system.application.kept_elements(run_id, position, 0, _MOST_ELEMENTS)
    return [_shown_part(part) for part in islice(parts, _MOST_ELEMENTS)]


def shown_result(text: str) -> JsonValue | Reference:
    """What a stored text holds; of a large result where it is, as nobody reads it in a terminal."""
    if is_reference(text):
        return Reference.of(text)
    value: JsonValue = json.loads(text)
    return value


def _shown_part(text: str | None) -> JsonValue:
    shown = None if text is None else shown_result(text)
    return str(shown) if isinstance(shown, Reference) else shown


def _next_steps(system: System, run: RunRecord, console: Console) -> list[str]:
    """The commands that come to mind now."""
    shown = shown_id(run.run_id, console)
    steps = [f"pypeline show {shown}"]
    if run.state in (RunState.FAILED, RunState.CANCELLED):
        steps.append(f"pypeline retry {shown}  does again what did not succeed")
    elif is_abandoned(system, run):
        steps.append(f"pypeline retry {shown}  takes it over: its process is gone")
    return steps


def is_abandoned(system: System, run: RunRecord) -> bool:
    """True for an unfinished run of a process that is gone."""
    return not run.state.is_terminal and system.application.is_orphan(run)


def say_why(system: System, run_id: str, code: ExitCode, wishes: Wishes) -> None:
    """The line on stderr of a run that did not succeed, where the report does not tell it."""
    if code is ExitCode.TIMED_OUT:
        within = f"did not end within {wishes.timeout:g} s and was cancelled"
        then = "" if system.application.state(run_id).is_terminal else "once what still runs has ended, "
        click.echo(f"error: run {run_id} {within}; {then}`pypeline retry {run_id}` goes on with it", err=True)
    elif code is ExitCode.FAILED and wishes.as_json:
        click.echo(f"error: {sentence(system, run_id)}", err=True)


def sentence(system: System, run_id: str) -> str:
    """``run 6f0c… failed: split: KeyError: 'text'``."""
    run = system.application.run(run_id)
    said = f"run {run_id} {'was cancelled' if run.state is RunState.CANCELLED else run.state.value}"
    if run.error is not None:
        return f"{said}: {run.error}"
    failed = errors_of(system, run_id)
    if not failed:
        return said
    name, error = failed[0]
    more = f" (and {len(failed) - 1:,} more)" if len(failed) > 1 else ""
    return f"{said}: {name}: {error.type}: {error.message}{more}"


def label(node: NodeRecord) -> str:
    """``count`` or ``count[3]``."""
    return node.name if node.item is None else f"{node.name}[{node.item}]"


def _most_telling(nodes: list[NodeRecord], failed: list[NodeRecord]) -> list[NodeRecord]:
    """Those that failed and then the first ones, in their order."""
    chosen = {node.position: node for node in (*failed, *nodes)}
    return sorted(list(chosen.values())[:_FIRST_NODES], key=lambda node: node.position)
