"""
The engine under random DAGs, rules, items, interleavings, copies, crashes, cancels and retries.

After every step the rows of the run are held against what a small model in memory derives from the accepted
outcomes; at the end of each example everything is delivered and the run has to come to its end.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pypeline.engine import Engine, Work
from pypeline.engine.identity import Identity
from pypeline.engine.sweep import Sweeper, SweepPace
from pypeline.errors import DispatchFailed, NotPossible
from pypeline.graph import Dag
from pypeline.runs.outcome import ErrorInfo, Failed, Outcome, Postponed, SkippedByHandler, Succeeded
from pypeline.runs.plan import Plan, Step
from pypeline.runs.retries import RetryPolicy
from pypeline.runs.rules import TriggerRule, rule_holds
from pypeline.runs.states import TERMINAL_NODE_STATES, NodeState, RunState
from pypeline.store.records import NODE
from pypeline.store.sql_store import SqlStore
from pypeline.store.sqlite import SqliteDialect

LEASE = 30.0
_NUMBERS = count()  # a broker of its own for each example: sweeps leave the runs of others alone
PACE = SweepPace(interval=1.0, margin=5.0, grace=30.0, limit=100)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class LosesReplies(SqliteDialect):
    """Commits, and then says that it did not, when told to."""

    lose_next = False

    def commit(self, connection: sqlite3.Connection, *, durable: bool) -> None:
        super().commit(connection, durable=durable)
        if self.lose_next:
            self.lose_next = False
            raise sqlite3.DatabaseError("the reply was lost")


class FlakyBroker:
    """Keeps what it is sent; a message stays deliverable, so that copies arise by delivering it again."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.sent: Counter[Any] = Counter()
        self.away = False

    def send(self, messages: Any) -> None:
        for message in messages:
            self.sent[message.ref] += 1
        if self.away:
            self.away = False
            raise DispatchFailed("away")
        self.messages.extend(messages)


@dataclass
class Model:
    """What was accepted: the state and result of every node and item since the last retry that opened it."""

    results: dict[tuple[int, int], str | None] = field(default_factory=dict)
    recorded: Counter[tuple[int, int, int]] = field(default_factory=Counter)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    size = draw(st.integers(1, 7))
    edges = {
        child: draw(st.sets(st.integers(0, child - 1), max_size=3)) if child else set()
        for child in range(size)
    }
    names = [f"n{index}" for index in range(size)]
    adjacency = {
        names[parent]: [names[child] for child in range(size) if parent in edges[child]]
        for parent in range(size)
    }
    dag = Dag.from_adjacency(adjacency)
    steps = tuple(draw(_steps(dag, position)) for position in range(size))
    bound = draw(st.none() | st.integers(1, 3))
    return Plan("p", f"definition-{next(_NUMBERS)}", {}, dag, steps, max_concurrency=bound)


@st.composite
def _steps(draw: st.DrawFn, dag: Dag, position: int) -> Step:
    parents = dag.predecessors[position]
    return Step(
        name=dag.names[position],
        handlers=("h",),
        queue=draw(st.sampled_from(["q", "slow"])),
        retry=RetryPolicy(max_retry=draw(st.sampled_from([0, 0, 1, 2])), backoff=3.0),
        rule=draw(st.sampled_from([TriggerRule.ALL_SUCCESS, *TriggerRule])),
        for_each=draw(st.none() | st.sampled_from(parents)) if parents else None,
        batch_size=draw(st.integers(1, 2)),
        window=draw(st.integers(1, 3)),
    )


FAILURES: st.SearchStrategy[Outcome] = st.one_of(
    st.booleans().map(lambda final: Failed(ErrorInfo("E", "said so"), final=final)),
    st.just(SkippedByHandler("not today")),
    st.just(Postponed(5.0, "later")),
)


def outcomes(plan: Plan, work: Work) -> st.SearchStrategy[Outcome]:
    return st.integers(0, 5).map(lambda number: success(plan, work, number)) | FAILURES


def success(plan: Plan, work: Work, number: int) -> Succeeded:
    """A number, or a list of that many elements where it is mapped over."""
    if work.claim.ref.position in plan.map_sources and work.step.for_each is None:
        return Succeeded(None, tuple(str(index) for index in range(number)))
    return Succeeded(str(number))


class EngineMachine(RuleBasedStateMachine):
    store: SqlStore
    clock: Clock
    dialect: LosesReplies

    @initialize(plan=plans(), seed=st.integers(0, 999))
    def start(self, plan: Plan, seed: int) -> None:
        self.plan = plan
        self.broker = FlakyBroker()
        self.held: list[Work] = []
        self.zombies: list[Work] = []
        self.model = Model()
        self.was_cancelled = False
        self.engine = Engine(
            self.store,
            self.broker,
            identity=Identity("w", f"broker-{next(_NUMBERS)}", ("q", "slow")),
            load_plan=lambda pipeline_id, document: plan,
            lease=LEASE,
            random=random.Random(seed),
        )
        self.sweeper = Sweeper(self.engine, PACE)
        self.run_id = self.engine.start(plan, {}, trigger="cli")

    # — what may happen —

    @precondition(lambda self: self.broker.messages)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        message = data.draw(st.sampled_from(self.broker.messages))
        if not data.draw(st.booleans(), label="a copy stays"):
            self.broker.messages.remove(message)
        work = self.engine.claim(message.ref)
        if work is not None:
            self.held.append(work)

    @precondition(lambda self: self.broker.messages)
    @rule(data=st.data(), seed=st.integers(0, 999))
    def work_off_the_queue(self, data: st.DataObject, seed: int) -> None:
        """Claim and finish what is queued now: most of it well, so that examples come far."""
        drawn = random.Random(seed)
        messages, self.broker.messages = self.broker.messages, []
        for message in messages:
            work = self.engine.claim(message.ref)
            if work is None:
                continue
            well = drawn.random() < 0.8
            self._record(work, success(self.plan, work, drawn.randint(0, 5)) if well else data.draw(FAILURES))

    @precondition(lambda self: self.broker.messages)
    @rule(data=st.data())
    def lose_message(self, data: st.DataObject) -> None:
        self.broker.messages.remove(data.draw(st.sampled_from(self.broker.messages)))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        work = data.draw(st.sampled_from(self.held))
        outcome = data.draw(outcomes(self.plan, work))
        self.held.remove(work)
        self.zombies.append(work)
        self._record(work, outcome)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def finish_with_a_lost_reply(self, data: st.DataObject) -> None:
        work = data.draw(st.sampled_from(self.held))
        outcome = data.draw(outcomes(self.plan, work))
        self.held.remove(work)
        before = self._rows()
        self.dialect.lose_next = True
        with pytest.raises(sqlite3.DatabaseError):
            self.engine.record(work, outcome)
        self._note(
            work,
            outcome,
            accepted=before[_key(work)]["token"] == work.claim.token and _runs(before[_key(work)]),
        )
        assert not self.engine.record(work, outcome).accepted

    @precondition(lambda self: self.zombies)
    @rule(data=st.data())
    def report_again(self, data: st.DataObject) -> None:
        work = data.draw(st.sampled_from(self.zombies))
        before = self._rows()
        assert not self.engine.record(work, data.draw(outcomes(self.plan, work))).accepted
        assert self._rows() == before

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def lose_worker(self, data: st.DataObject) -> None:
        work = data.draw(st.sampled_from(self.held))
        self.held.remove(work)
        self.engine.let_go(work.claim.ref)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        work = data.draw(st.sampled_from(self.held))
        self.held.remove(work)
        self.engine.give_back(work)

    @rule()
    def broker_goes_away(self) -> None:
        self.broker.away = True

    @rule(seconds=st.sampled_from([0.5, 2.0, 6.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += timedelta(seconds=seconds)
        self.engine.beat()
        self.sweeper.sweep()

    @precondition(lambda self: not self.store.run_state(self.run_id).is_terminal)
    @rule(sure=st.sampled_from([False, False, True]))
    def cancel(self, *, sure: bool) -> None:
        if not sure:  # seldom: most examples should see more than a cancelled run
            return
        self.engine.cancel(self.run_id)
        self.was_cancelled = True

    @precondition(lambda self: self.store.run_state(self.run_id).is_terminal)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        node = data.draw(st.none() | st.sampled_from(self.plan.dag.names))
        kept = {key: row for key, row in self._rows().items() if row["state"] == NodeState.SUCCESS}
        try:
            self.engine.retry(self.run_id, from_node=node)
        except NotPossible:
            assert node is None
            assert self.store.run_state(self.run_id) is RunState.SUCCESS
            return
        self.was_cancelled = False
        rows = self._rows()
        self.model.results = {
            key: kept[key]["result"]
            for key in kept
            if key in rows and rows[key]["state"] == NodeState.SUCCESS
        }

    # — what must hold after every step —

    @invariant()
    def rows_agree_with_the_model(self) -> None:
        rows = self._rows()
        run = self._run_row()
        nodes = {position: row for (position, item), row in rows.items() if item == NODE}
        for key, result in self.model.results.items():
            assert rows[key]["state"] == NodeState.SUCCESS
            assert rows[key]["result"] == result
        assert all(count == 1 for count in self.model.recorded.values())
        assert RunState(run["state"]).is_terminal == all(
            NodeState(row["state"]) in TERMINAL_NODE_STATES for row in rows.values()
        )
        self._check_room(run, rows)
        for position, row in nodes.items():
            self._check_node(position, row, nodes)
            self._check_items(position, row, rows)

    def _check_room(self, run: dict[str, Any], rows: dict[tuple[int, int], dict[str, Any]]) -> None:
        if self.plan.max_concurrency is None or run["flag"] or RunState(run["state"]).is_terminal:
            return
        out = sum(row["state"] == NodeState.QUEUED or _runs(row) for row in rows.values())
        assert run["in_flight"] == out <= self.plan.max_concurrency
        ready = [row for row in rows.values() if row["state"] == NodeState.PENDING and row["waiting"] == 0]
        assert not ready or out == self.plan.max_concurrency or self._sweep_will_admit(ready)

    @staticmethod
    def _sweep_will_admit(ready: list[dict[str, Any]]) -> bool:
        """A retry that became due is admitted by the sweep."""
        return any(row["attempt"] > 0 for row in ready)

    def _check_node(self, position: int, row: dict[str, Any], nodes: dict[int, dict[str, Any]]) -> None:
        state = NodeState(row["state"])
        parents = [nodes[parent] for parent in self.plan.dag.predecessors[position]]
        ended = [parent for parent in parents if NodeState(parent["state"]) in TERMINAL_NODE_STATES]
        failed = sum(_counts_as_failed(parent) for parent in ended)
        skipped = sum(
            parent["state"] == NodeState.SKIPPED and not _counts_as_failed(parent) for parent in ended
        )
        holds = not parents or rule_holds(self.plan.steps[position].rule, failed=failed, skipped=skipped)
        if state is NodeState.CANCELLED or self._run_row()["flag"]:
            return
        if state is NodeState.PENDING:
            assert row["waiting"] == len(parents) - len(ended)
            assert (row["failed"], row["skipped"]) == (failed, skipped)
            assert row["waiting"] > 0 or self.plan.max_concurrency is not None
        elif _skipped_by_rule(row):
            assert len(ended) == len(parents)
            assert not holds
        else:
            assert len(ended) == len(parents)
            assert holds

    def _check_items(
        self, position: int, row: dict[str, Any], rows: dict[tuple[int, int], dict[str, Any]]
    ) -> None:
        items = [rows[key] for key in rows if key[0] == position and key[1] != NODE]
        if row["items"] is None:
            assert not items
            return
        assert len(items) == row["items"]
        if row["state"] != NodeState.RUNNING:
            return
        if self._run_row()["flag"]:
            assert any(_runs(item) for item in items)
            return
        still_open = [item for item in items if NodeState(item["state"]) not in TERMINAL_NODE_STATES]
        assert row["waiting"] == len(still_open)
        out = [
            item for item in still_open if not (item["state"] == NodeState.PENDING and item["waiting"] == 1)
        ]
        window = self.plan.steps[position].window
        assert len(out) <= window
        assert len(out) == min(window, len(still_open))

    # — the end of every example —

    def teardown(self) -> None:
        if not hasattr(self, "run_id"):
            return
        for _ in range(400):
            if self.store.run_state(self.run_id).is_terminal and not self.held:
                break
            self._finish_everything()
            self.time_passes(2.0)  # slower than a lease would be an outage, in which nobody is charged
        self.rows_agree_with_the_model()
        state = self.store.run_state(self.run_id)
        states = {row["state"] for row in self._rows().values()}
        assert state.is_terminal
        if NodeState.CANCELLED in states:
            assert state is RunState.CANCELLED
            assert self.was_cancelled
        else:
            assert state is (RunState.FAILED if NodeState.FAILED in states else RunState.SUCCESS)

    def _finish_everything(self) -> None:
        while self.held or self.broker.messages:
            for work in list(self.held):
                self.held.remove(work)
                self._record(work, success(self.plan, work, 2))
            for message in list(self.broker.messages):
                self.broker.messages.remove(message)
                work = self.engine.claim(message.ref)
                if work is not None:
                    self.held.append(work)

    # — helpers —

    def _record(self, work: Work, outcome: Outcome) -> None:
        before = self._rows().get(_key(work))
        recorded = self.engine.record(work, outcome)
        holds = before is not None and before["token"] == work.claim.token and _runs(before)
        assert recorded.accepted == holds
        self._note(work, outcome, accepted=recorded.accepted)

    def _note(self, work: Work, outcome: Outcome, *, accepted: bool) -> None:
        if not accepted:
            return
        ref = work.claim.ref
        self.model.recorded[ref.position, ref.item, ref.attempt] += 1
        if isinstance(outcome, Succeeded):
            self.model.results[ref.position, ref.item] = outcome.result
        if isinstance(outcome, Failed):
            allowed = work.step.retry.max_retry
            assert allowed is None or work.claim.tries <= allowed

    def _rows(self) -> dict[tuple[int, int], dict[str, Any]]:
        found = self._select("SELECT * FROM pypeline_node WHERE run_id = ? ORDER BY position, item")
        return {(row["position"], row["item"]): row for row in found}

    def _run_row(self) -> dict[str, Any]:
        return self._select("SELECT * FROM pypeline_run WHERE id = ?")[0]

    def _select(self, statement: str) -> list[dict[str, Any]]:
        cursor = self.store._connections.current().execute(statement, (self.run_id,))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _key(work: Work) -> tuple[int, int]:
    return work.claim.ref.position, work.claim.ref.item


def _runs(row: dict[str, Any]) -> bool:
    return row["state"] == NodeState.RUNNING and row["lease_until"] is not None


def _skipped_by_rule(row: dict[str, Any]) -> bool:
    return row["state"] == NodeState.SKIPPED and row["started_at"] is None


def _counts_as_failed(row: dict[str, Any]) -> bool:
    if row["state"] in (NodeState.FAILED, NodeState.CANCELLED):
        return True
    return _skipped_by_rule(row) and row["failed"] > 0


@pytest.fixture(scope="module", autouse=True)
def _one_database_for_all_examples() -> Any:
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        store = SqlStore(f"sqlite:///{Path(folder) / 'runs.db'}", clock=clock)
        dialect = LosesReplies.__new__(LosesReplies)
        dialect.__dict__.update(store._dialect.__dict__)
        store._dialect = store._connections.dialect = dialect
        EngineMachine.store, EngineMachine.clock, EngineMachine.dialect = store, clock, dialect
        with store:
            yield


TestEngine = EngineMachine.TestCase
TestEngine.settings = settings(
    max_examples=300,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
