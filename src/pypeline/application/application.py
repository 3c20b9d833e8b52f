"""What users do with runs."""

from __future__ import annotations

import hashlib
import json
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

from pypeline.application import documents, owners
from pypeline.application.listeners import NOBODY_ASKED, is_alive, listeners_of
from pypeline.errors import InvalidPayload, NotPossible, UnknownNode
from pypeline.runs.states import NodeState
from pypeline.store.records import NODE, RunFilter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pypeline.application.listeners import Listeners
    from pypeline.config import Config
    from pypeline.engine import Engine
    from pypeline.runs.plan import Plan
    from pypeline.runs.states import RunState
    from pypeline.store.records import AttemptRecord, NodeRecord, RunRecord
    from pypeline.types import JsonObject, JsonValue

_FIRST_LOOK = 0.005  # seconds
_LONGEST_LOOK = 0.1


class Application:
    """
    Start, show, wait for, cancel and retry runs of one configuration.

    ``config`` may be None where runs are only looked at, cancelled or retried: those need no configuration.
    """

    def __init__(self, engine: Engine, config: Config | None) -> None:
        self._engine = engine
        self._store = engine.store
        self._config = config

    def invoke(
        self,
        pipeline_id: str,
        payload: JsonObject | None = None,
        *,
        trigger: str,
        idempotency_key: str | None = None,
        task_replacements: Mapping[str, int] | None = None,
    ) -> str:
        """
        Start a run; answers its id.

        Raises UnknownPipeline, InvalidPayload, UnknownNode (of a replacement) and IdempotencyConflict.
        """
        assert self._config is not None, "invoking needs a configuration"  # noqa: S101 - bootstrap gives one
        plan = self._config.plan(pipeline_id)
        replacements = dict(task_replacements or {})
        _check_replacements(plan, replacements)
        checked = self._config.checked_payload(pipeline_id, {} if payload is None else payload)
        body = (idempotency_key, _body_hash(checked, replacements)) if idempotency_key else None
        return self._engine.start(plan, checked, trigger=trigger, replacements=replacements, idempotency=body)

    def run(self, run_id: str) -> RunRecord:
        """One run as it stands. Raises UnknownRun."""
        return self._store.run(run_id)

    def state(self, run_id: str) -> RunState:
        """The state alone: cheap enough to ask again and again. Raises UnknownRun."""
        return self._store.run_state(run_id)

    def runs(self, wanted: RunFilter | None = None) -> list[RunRecord]:
        """Runs, newest first."""
        return self._store.runs(wanted or RunFilter())

    def plan(self, run_id: str) -> Plan:
        """The definition that a run started with. Raises UnknownRun."""
        return self._engine.plans.of_run(run_id)

    def nodes(
        self,
        run_id: str,
        *,
        limit: int = documents.MOST_NODES,
        states: frozenset[NodeState] = frozenset(),
        items: bool = True,
    ) -> list[NodeRecord]:
        """The first nodes of a run, items behind their node; those in ``states``, where any are named."""
        return self._store.nodes(run_id, limit=limit, states=states, items=items)

    def node(self, run_id: str, position: int, item: int = NODE) -> NodeRecord | None:
        """One node or item; None if there is none."""
        return self._store.node(run_id, position, item)

    def attempts(self, run_id: str) -> list[AttemptRecord]:
        """The attempts of a run that failed or were lost, oldest first."""
        return self._store.attempts(run_id)

    def logs(self, run_id: str, position: int, item: int = NODE) -> list[tuple[int, str]]:
        """What the attempts of a node printed and logged: (attempt, text), oldest first."""
        return self._store.logs(run_id, position, item)

    def result(self, run_id: str, position: int) -> str | None:
        """A node's result as JSON text; None where it has none, or where `elements` holds it."""
        return self._store.result(run_id, position)

    def element_count(self, run_id: str, position: int) -> int | None:
        """How many parts a result has; None where it is kept whole."""
        return self._store.element_count(run_id, position)

    def elements(
        self, run_id: str, position: int, start: int = 0, stop: int | None = None
    ) -> Iterator[str | None]:
        """The JSON texts of a result that is kept in parts."""
        return self._store.elements(run_id, position, start, stop)

    def document(self, run_id: str) -> dict[str, Any]:
        """A run with its first nodes and their results, as JSON."""
        run = self._store.run(run_id)
        nodes = self._store.nodes(run_id, limit=documents.MOST_NODES + 1)
        truncated = len(nodes) > documents.MOST_NODES
        if truncated:
            nodes = self._nodes_before_items(run_id, nodes)
        return documents.run_with_nodes(
            run,
            nodes,
            parts=self._parts(run_id, nodes),
            truncated=truncated,
            listeners=self.listeners(run),
        )

    def listeners(self, run: RunRecord) -> Listeners:
        """Who could take the queued nodes of a run; nobody is asked for where it has none."""
        if not run.counts.get(NodeState.QUEUED):
            return NOBODY_ASKED
        return listeners_of(self._store, run, lease=self._engine.lease)

    def runs_document(self, wanted: RunFilter) -> dict[str, Any]:
        """A page of runs as JSON; ``next`` is the id to go on after, or null."""
        page = self._store.runs(wanted)
        following = page[-1].run_id if len(page) == wanted.limit else None
        return {"runs": [documents.run_document(run) for run in page], "next": following}

    def wait(self, run_id: str, *, timeout: float | None = None) -> RunState:
        """
        The state of a run once it has ended, or as it is after ``timeout`` seconds.

        It looks often at first, ten times a second later.
        """
        give_up = None if timeout is None else time.monotonic() + timeout
        pause = _FIRST_LOOK
        while True:
            state = self._store.run_state(run_id)
            if state.is_terminal or (give_up is not None and time.monotonic() >= give_up):
                return state
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_LOOK)

    def cancel(self, run_id: str) -> RunState:
        """End a run; one whose process is gone is ended at once. Answers its state."""
        run = self._store.run(run_id)
        state = self._engine.cancel(run_id)
        if state.is_terminal or not self.is_orphan(run):
            return state
        self._engine.take_over(run_id, owner=run.broker)
        return self._engine.cancel(run_id)

    def retry(self, run_id: str, *, from_node: str | None = None) -> None:
        """
        Do again what did not succeed, and everything from ``from_node`` on; what succeeded is kept.

        An unfinished run that nobody works on any more is taken over: its process is gone, or it is on a
        broker which is not ours and has no worker left. Raises NotPossible, UnknownRun and UnknownNode.
        """
        run = self._store.run(run_id)
        if run.state.is_terminal:
            self._engine.retry(run_id, from_node=from_node)
        elif (reason := self._why_it_goes_on(run)) is not None:
            raise NotPossible(run_id, f"it is still going{reason}")
        elif from_node is not None:
            raise NotPossible(run_id, "it has not finished: retry it without --from first")
        else:
            self._engine.take_over(run_id, owner=run.broker)
            # One that had been cancelled before has ended by this.
            if self._store.run_state(run_id).is_terminal:
                self._engine.retry(run_id)

    def is_orphan(self, run: RunRecord) -> bool:
        """True if the process that an embedded run lived in is gone."""
        if not owners.is_embedded(run.broker):
            return False
        seen = self._store.owner_seen(run.broker)
        return not owners.is_alive(run.broker, seen=seen, lease=self._engine.lease)

    def _why_it_goes_on(self, run: RunRecord) -> str | None:
        """Who still works on an unfinished run, as the end of a sentence; None where nobody does."""
        ours = self._engine.identity.broker
        if owners.is_embedded(run.broker):
            return None if self.is_orphan(run) else f", in {owners.describe(run.broker)}"
        if run.broker == ours:
            return "; its workers finish it"
        if owners.is_embedded(ours):
            return f" on {run.broker}: set PYPELINE_BROKER_URL to work with the runs of a broker"
        if any(is_alive(worker, self._engine.lease) for worker in self._store.workers(run.broker)):
            return f" on {run.broker}, whose workers finish it"
        return None

    def _parts(self, run_id: str, nodes: list[NodeRecord]) -> dict[int, list[JsonValue]]:
        """The results that are kept in parts; of those with very many parts the first."""
        return {
            node.position: self._first_parts(run_id, node.position)
            for node in nodes
            if node.item is None
            and node.state in (NodeState.SUCCESS, NodeState.FAILED)
            and (node.elements is not None or node.items is not None)
        }

    def _nodes_before_items(self, run_id: str, first: list[NodeRecord]) -> list[NodeRecord]:
        """Where not all fit: the nodes themselves, and the first items that there is room for."""
        most = documents.MOST_NODES
        nodes = self._store.nodes(run_id, limit=most, items=False)
        items = [node for node in first if node.item is not None][: most - len(nodes)]
        return sorted(
            [*nodes, *items], key=lambda node: (node.position, NODE if node.item is None else node.item)
        )

    def _first_parts(self, run_id: str, position: int) -> list[JsonValue]:
        texts = islice(self._store.elements(run_id, position, 0, documents.MOST_NODES), documents.MOST_NODES)
        return [None if text is None else json.loads(text) for text in texts]


def _check_replacements(plan: Plan, replacements: Mapping[str, int]) -> None:
    for name, index in replacements.items():
        if name not in plan.dag.positions:
            raise UnknownNode(plan.pipeline_id, name, plan.dag.names)
        handlers = plan.steps[plan.dag.positions[name]].handlers
        if not 0 <= index < len(handlers):
            raise InvalidPayload(
                f"task_replacements: {name} has handlers 0 to {len(handlers) - 1}, not {index}"
            )


def _body_hash(payload: JsonObject, replacements: Mapping[str, int]) -> str:
    body = json.dumps([payload, dict(replacements)], sort_keys=True)
    return hashlib.sha256(body.encode()).hexdigest()
