"""What users do with runs."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pypeline.application import documents, owners
from pypeline.application.audit import Audit
from pypeline.application.excerpts import first_nodes, first_parts, is_in_parts
from pypeline.application.inputs import require_filter, require_key, require_replacements, require_run_id
from pypeline.application.insights import Insights
from pypeline.application.large_results import DocumentReader
from pypeline.application.listeners import NOBODY_ASKED, is_alive, listeners_of
from pypeline.application.publishing import Publishing
from pypeline.application.schedules import Schedules
from pypeline.config import Settings
from pypeline.errors import NotPossible
from pypeline.results import read_whole
from pypeline.runs.states import NodeState, RunState
from pypeline.store.records import NODE, RunFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from pypeline.application.listeners import Listeners
    from pypeline.config import Config
    from pypeline.engine import Engine
    from pypeline.errors import PypelineError
    from pypeline.results import ResultStore
    from pypeline.runs.plan import Plan
    from pypeline.store.records import AttemptRecord, NodeRecord, RunRecord
    from pypeline.types import JsonObject, JsonValue

_FIRST_LOOK = 0.005  # seconds
_LONGEST_LOOK = 0.1
_UNFINISHED = frozenset(state for state in RunState if not state.is_terminal)


class Application:
    """
    Start, show, wait for, cancel and retry runs of one configuration; ``schedules`` does so by the clock.

    ``config`` may be None where runs are only looked at, cancelled or retried: those need no configuration.
    Results that are too large for the database are read from ``large``. ``audit`` keeps who asked for what,
    ``insights`` tells of all runs at once.
    """

    def __init__(
        self,
        engine: Engine,
        config: Config | None,
        settings: Settings | None = None,
        *,
        large: ResultStore | None = None,
    ) -> None:
        self._engine = engine
        self._store = engine.store
        self._config = config
        self._large = large
        self._settings = settings or Settings(folder=Path())
        self.schedules = Schedules(engine, config, self._settings)
        self.insights = Insights(engine, config, self._settings, large=large)
        self.audit = Audit(engine.store)

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

        Raises UnknownPipeline, InvalidPayload, UnknownNode (of a replacement) and IdempotencyConflict;
        InvalidInput for a key that cannot be kept.
        """
        if idempotency_key is not None:
            require_key(idempotency_key)
        config = self._configured()
        plan = config.plan(pipeline_id)
        replacements = dict(task_replacements or {})
        require_replacements(plan, replacements)
        checked = config.checked_payload(pipeline_id, {} if payload is None else payload)
        body = (idempotency_key, _body_hash(checked, replacements)) if idempotency_key else None
        return self._engine.start(plan, checked, trigger=trigger, replacements=replacements, idempotency=body)

    def publishing(self, before: Callable[[str, str], object] | None = None) -> Publishing:
        """Who hands single registered tasks to workers, tracked; ``before`` as in `Publishing`."""
        return Publishing(
            self._engine,
            None,
            self._configured(),
            default_queue=self._settings.default_queue,
            before=before,
        )

    def run(self, run_id: str) -> RunRecord:
        """One run as it stands. Raises UnknownRun."""
        require_run_id(run_id)
        return self._store.run(run_id)

    def state(self, run_id: str) -> RunState:
        """The state alone: cheap enough to ask again and again. Raises UnknownRun."""
        require_run_id(run_id)
        return self._store.run_state(run_id)

    def runs(self, wanted: RunFilter | None = None) -> list[RunRecord]:
        """Runs, newest first. Raises InvalidInput."""
        wanted = wanted or RunFilter()
        require_filter(wanted)
        return self._store.runs(wanted)

    def unfinished(self, *, limit: int = 100, after: str | None = None) -> list[str]:
        """The runs on the broker of this process that have not ended, newest first."""
        ours = self._engine.identity.broker
        wanted = RunFilter(states=_UNFINISHED, broker=ours, limit=limit, after=after)
        return [run.run_id for run in self._store.runs(wanted)]

    def plan(self, run_id: str) -> Plan:
        """The definition that a run started with. Raises UnknownRun."""
        require_run_id(run_id)
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

    def kept_result(self, run_id: str, position: int) -> str | None:
        """
        A node's result as it is kept: as JSON text, or as a `Reference` to it.

        None where it has none, or where `kept_elements` holds it.
        """
        return self._store.result(run_id, position)

    def element_count(self, run_id: str, position: int) -> int | None:
        """How many parts a result has; None where it is kept whole."""
        return self._store.element_count(run_id, position)

    def kept_elements(
        self, run_id: str, position: int, start: int = 0, stop: int | None = None
    ) -> Iterator[str | None]:
        """The parts of a result that is kept in parts, each as `kept_result` is."""
        return self._store.elements(run_id, position, start, stop)

    def results(self, run_id: str) -> dict[str, JsonValue]:
        """
        The final nodes of a run with their results, of any size; None for one that has none.

        Raises ResultGone and ResultStoreUnavailable.
        """
        plan = self.plan(run_id)
        return {plan.dag.names[position]: self._value(run_id, position) for position in plan.sinks}

    def document(self, run_id: str, *, words: Callable[[PypelineError], str] = str) -> dict[str, Any]:
        """A run with its first nodes and their results, as JSON; ``words`` as in `DocumentReader`."""
        run = self.run(run_id)
        nodes, truncated = first_nodes(self._store, run_id)
        return documents.run_with_nodes(
            run,
            nodes,
            parts=first_parts(self._store, run_id, nodes),
            truncated=truncated,
            reader=DocumentReader(self._large, words=words),
            listeners=self.listeners(run),
        )

    def results_document(self, run_id: str) -> dict[str, Any]:
        """
        What a run came to, as JSON; ``status`` is ``pending`` until it has ended.

        Raises UnknownRun, ResultGone and ResultStoreUnavailable.
        """
        run = self.run(run_id)
        return documents.results_document(run, self.results(run_id) if run.state.is_terminal else {})

    def version(self, run_id: str) -> str:
        """
        A short text that changes whenever a document of the run or of its nodes does. Raises UnknownRun.

        To be asked for before the document: what changes in between is seen with the next question.
        """
        require_run_id(run_id)
        version = self._store.run_version(run_id)
        if not version.has_queued:
            return version.text
        return f"{version.text}-{listeners_of(self._store, version, lease=self._engine.lease).mark}"

    def listeners(self, run: RunRecord) -> Listeners:
        """Who could take the queued nodes of a run; nobody is asked for where it has none."""
        if not run.counts.get(NodeState.QUEUED):
            return NOBODY_ASKED
        return listeners_of(self._store, run, lease=self._engine.lease)

    def runs_document(self, wanted: RunFilter) -> dict[str, Any]:
        """A page of runs as JSON; ``next`` is the id to go on after, or null."""
        page, last = self.runs_page(wanted)
        following = None if last is None else last[1]
        return {"runs": [documents.run_document(run) for run in page], "next": following}

    def runs_version(self, wanted: RunFilter) -> str:
        """As `version`, of what `runs_page` answers."""
        return self._store.runs_version(replace(wanted, limit=wanted.limit + 1))

    def runs_page(self, wanted: RunFilter) -> tuple[list[RunRecord], tuple[datetime, str] | None]:
        """
        Runs, newest first, and ``after_at`` and ``after`` of the page that follows; None at the end.

        Raises InvalidInput.
        """
        require_filter(wanted)
        found = self._store.runs(replace(wanted, limit=wanted.limit + 1))
        page = found[: wanted.limit]
        return page, (page[-1].created_at, page[-1].run_id) if len(found) > len(page) else None

    def nodes_page(
        self,
        run_id: str,
        *,
        limit: int,
        after: tuple[int, int] | None = None,
        states: frozenset[NodeState] = frozenset(),
        items: bool = True,
        position: int | None = None,
    ) -> tuple[list[NodeRecord], tuple[int, int] | None]:
        """
        Nodes by position and item, and the ``after`` of the page that follows; None at the end.

        The rest is as in `Store.nodes`. Raises UnknownRun.
        """
        self._store.run_state(run_id)
        found = self._store.nodes(
            run_id, limit=limit + 1, after=after, states=states, items=items, position=position
        )
        page = found[:limit]
        return page, page[-1].place if len(found) > len(page) else None

    def nodes_documents(
        self,
        run_id: str,
        *,
        limit: int,
        after: tuple[int, int] | None = None,
        node: str | None = None,
        state: NodeState | None = None,
        words: Callable[[PypelineError], str] = str,
    ) -> tuple[list[JsonObject], tuple[int, int] | None]:
        """
        As `nodes_page`, as JSON: all nodes and items, or those of one node, or in one state.

        ``words`` as in `DocumentReader`. Raises UnknownRun and UnknownNode.
        """
        page, last = self.nodes_page(
            run_id,
            limit=limit,
            after=after,
            states=frozenset() if state is None else frozenset({state}),
            position=None if node is None else self.plan(run_id).position(node),
        )
        parts, reader = first_parts(self._store, run_id, page), DocumentReader(self._large, words=words)
        is_queued = any(one.state is NodeState.QUEUED for one in page)
        listeners = self.listeners(self._store.run(run_id)) if is_queued else NOBODY_ASKED
        made = [documents.node_document(one, parts=parts, reader=reader, listeners=listeners) for one in page]
        return made, last

    def wait(self, run_id: str, *, timeout: float | None = None) -> RunState:
        """
        The state of a run once it has ended, or as it is after ``timeout`` seconds.

        It looks often at first, ten times a second later.
        """
        give_up = None if timeout is None else time.monotonic() + timeout
        pause = _FIRST_LOOK
        while True:
            state = self.state(run_id)
            if state.is_terminal or (give_up is not None and time.monotonic() >= give_up):
                return state
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_LOOK)

    def cancel(self, run_id: str) -> RunState:
        """End a run; one whose process is gone is ended at once. Answers its state."""
        run = self.run(run_id)
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
        run = self.run(run_id)
        if run.state.is_terminal:
            self._engine.retry(run_id, from_node=from_node)
        elif (reason := self._why_it_goes_on(run)) is not None:
            raise NotPossible(run_id, f"it is still going{reason}")
        elif from_node is not None:
            raise NotPossible(run_id, "it has not finished: retry it without naming a node first")
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

    def _configured(self) -> Config:
        assert self._config is not None, "what is started stands in a configuration"  # noqa: S101 - by the door
        return self._config

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

    def _value(self, run_id: str, position: int) -> JsonValue:
        node = self._store.node(run_id, position)
        if node is None or not is_in_parts(node):
            return None if node is None else self._loaded(node.result)
        return [self._loaded(text) for text in self._store.elements(run_id, position)]

    def _loaded(self, text: str | None) -> JsonValue:
        value: JsonValue = None if text is None else json.loads(read_whole(text, self._large))
        return value


def _body_hash(payload: JsonObject, replacements: Mapping[str, int]) -> str:
    body = json.dumps([payload, dict(replacements)], sort_keys=True)
    return hashlib.sha256(body.encode()).hexdigest()
