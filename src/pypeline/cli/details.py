"""What `show` prints beyond the report: times, attempts, logs, one node in full."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.text import Text

from pypeline.application.documents import why_it_waits
from pypeline.cli import words
from pypeline.cli.marks import mark, word
from pypeline.cli.pretty import pretty
from pypeline.cli.report import print_report, result_of, shown_result
from pypeline.cli.tables import attempts_table
from pypeline.errors import UnknownNode
from pypeline.results import Reference
from pypeline.runs.states import NodeState
from pypeline.store.records import NODE

if TYPE_CHECKING:
    from rich.console import Console

    from pypeline.bootstrap import System
    from pypeline.store.records import NodeRecord

_ITEM = re.compile(r"(.+)\[(\d+)\]")
_MOST_ATTEMPTS = 20
_MOST_LOGS = 3
_LOG_TAIL = 12  # lines


def print_run(system: System, run_id: str, console: Console) -> None:
    """A run: the report, the attempts that did not succeed, and the end of the logs of what failed."""
    print_report(system, run_id, console, facts=True)
    _print_attempts(system, run_id, console)
    _print_failed_logs(system, run_id, console)


def print_node(system: System, run_id: str, name: str, console: Console) -> None:
    """One node or item in full. Raises UnknownNode."""
    node = _node(system, run_id, name)
    _print_node_facts(node, console)
    listeners = system.application.listeners(system.application.run(run_id))
    if (why := why_it_waits(node, listeners)) is not None:
        console.print(Text(why), soft_wrap=True)
    item = NODE if node.item is None else node.item
    attempts = [
        attempt
        for attempt in system.application.attempts(run_id)
        if (attempt.ref.position, attempt.ref.item) == (node.position, item)
    ]
    if attempts:
        _heading("attempts that did not succeed", console)
        console.print(attempts_table(attempts, {node.position: node.name}, console))
    for attempt, text in system.application.logs(run_id, node.position, item):
        _heading(f"log of attempt {attempt}", console)
        console.print(Text(text.rstrip("\n")), soft_wrap=True)
    if node.error is not None:
        _heading("error", console)
        console.print(Text(f"{node.error.type}: {node.error.message}", "bold red"), soft_wrap=True)
        console.print(Text((node.error.traceback or "").rstrip("\n")), soft_wrap=True)
    elif node.state is NodeState.SUCCESS:
        _heading("result", console)
        console.print(Text(_whole_result(system, run_id, node, console)), soft_wrap=True)


def _print_attempts(system: System, run_id: str, console: Console) -> None:
    attempts = system.application.attempts(run_id)
    if not attempts:
        return
    names = dict(enumerate(system.application.plan(run_id).dag.names))
    _heading("attempts that did not succeed", console)
    console.print(attempts_table(attempts[-_MOST_ATTEMPTS:], names, console))
    if len(attempts) > _MOST_ATTEMPTS:
        console.print(Text(f"  and {len(attempts) - _MOST_ATTEMPTS:,} earlier"))


def _print_failed_logs(system: System, run_id: str, console: Console) -> None:
    failed = system.application.nodes(run_id, limit=_MOST_LOGS, states=frozenset({NodeState.FAILED}))
    for node in failed:
        item = NODE if node.item is None else node.item
        for attempt, text in system.application.logs(run_id, node.position, item)[-1:]:
            lines = text.rstrip("\n").splitlines()
            _heading(f"log of {_label(node)}, attempt {attempt}", console)
            console.print(Text("\n".join(lines[-_LOG_TAIL:])), soft_wrap=True)


def _print_node_facts(node: NodeRecord, console: Console) -> None:
    line = Text.assemble(mark(node.state), " ", (_label(node), "bold"), "  ", word(node.state))
    if spent := words.took(node.started_at, node.finished_at):
        line.append(f" in {spent}")
    if node.attempt:
        line.append(f"  attempt {node.attempt}")
    if node.progress is not None:
        line.append(f"  {words.progress(node.progress)}")
    line.append(f"  queue {node.queue}", "dim")
    if node.worker is not None:
        line.append(f"  on {node.worker}", "dim")
    console.print(line, soft_wrap=True)


def _node(system: System, run_id: str, name: str) -> NodeRecord:
    plan = system.application.plan(run_id)
    found = _ITEM.fullmatch(name) if name not in plan.dag.positions else None
    node, item = (found[1], int(found[2])) if found else (name, NODE)
    position = plan.dag.positions.get(node)
    record = None if position is None else system.application.node(run_id, position, item)
    if record is None:
        raise UnknownNode(plan.pipeline_id, name, plan.dag.names)
    return record


def _whole_result(system: System, run_id: str, node: NodeRecord, console: Console) -> str:
    if node.item is None:
        result = result_of(system, run_id, node.position)
    else:
        result = None if node.result is None else shown_result(node.result)
    return str(result) if isinstance(result, Reference) else pretty(result, width=console.width)


def _label(node: NodeRecord) -> str:
    return node.name if node.item is None else f"{node.name}[{node.item}]"


def _heading(text: str, console: Console) -> None:
    console.print()
    console.print(Text(text, "bold"), soft_wrap=True)
