"""The engine by hand: what the random walk of its property test does not reach."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from plans import chain, plan_of, roots
from pypeline.engine import Engine
from pypeline.engine.identity import Identity
from pypeline.engine.sweep import Sweeper
from pypeline.errors import DatabaseUnavailable, NotPossible, UnknownNode
from pypeline.runs.outcome import ErrorInfo, Failed, Succeeded
from pypeline.runs.retries import RetryPolicy
from pypeline.runs.states import Flag, RunState
from pypeline.store.sql_store import SqlStore


class Broker:
    def __init__(self):
        self.messages = []

    def send(self, messages):
        self.messages.extend(messages)

    def take(self):
        taken, self.messages = self.messages, []
        return [message.ref for message in taken]


@pytest.fixture
def clock():
    return SimpleNamespace(now=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def store(tmp_path, clock):
    with SqlStore(f"sqlite:///{tmp_path / 'runs.db'}", clock=lambda: clock.now) as store:
        yield store


@pytest.fixture
def build(store):
    def make(plan, name="here"):
        broker = Broker()
        engine = Engine(
            store,
            broker,
            identity=Identity(f"worker {name}", name, ("default",)),
            load_plan=lambda pipeline_id, document: plan,
            lease=30.0,
        )
        return engine, broker

    return make


def test_a_handler_is_the_replacement_that_the_run_asked_for(build):
    plan = plan_of({"a": []}, a={"handlers": ("first", "second")})
    engine, broker = build(plan)

    engine.start(plan, {}, trigger="cli", replacements={"a": 1})

    (message,) = broker.messages
    assert message.handler == "second"
    assert engine.claim(message.ref).handler == "second"


def test_a_known_idempotency_key_starts_nothing(build):
    plan = chain(2)
    engine, broker = build(plan)

    first = engine.start(plan, {}, trigger="api", idempotency=("key", "hash"))
    second = engine.start(plan, {}, trigger="api", idempotency=("key", "hash"))

    assert first == second
    assert len(broker.messages) == 1


def test_a_claim_with_the_same_token_is_the_same_claim(build):
    plan = chain(1)
    engine, broker = build(plan)
    engine.start(plan, {}, trigger="cli")
    (ref,) = broker.take()

    first = engine.claim(ref, token="0" * 32)

    assert engine.claim(ref, token="0" * 32).claim == first.claim
    assert engine.claim(ref) is None


def test_what_is_given_back_is_sent_again_uncharged(build, store):
    plan = chain(1)
    engine, broker = build(plan)
    run_id = engine.start(plan, {}, trigger="cli")
    work = engine.claim(broker.take()[0])

    engine.give_back(work)

    (again,) = broker.take()
    assert again.attempt == 2
    assert store.nodes(run_id, limit=1)[0].tries == 0
    assert not engine.record(work, Succeeded("1")).accepted


def test_what_is_given_back_in_a_cancelled_run_ends_with_it(build, store):
    engine, broker = build(chain(2))
    run_id = engine.start(chain(2), {}, trigger="cli")
    work = engine.claim(broker.take()[0])
    engine.cancel(run_id)

    engine.give_back(work)

    assert broker.take() == []
    assert store.run_state(run_id) == "cancelled"


def test_what_is_given_back_twice_is_sent_once(build):
    plan = chain(1)
    engine, broker = build(plan)
    engine.start(plan, {}, trigger="cli")
    work = engine.claim(broker.take()[0])

    engine.give_back(work)
    engine.give_back(work)

    assert len(broker.take()) == 1


def test_a_retry_from_an_unknown_node_names_those_there_are(build):
    plan = chain(2)
    engine, _ = build(plan)
    run_id = engine.start(plan, {}, trigger="cli")

    with pytest.raises(UnknownNode, match="n0, n1"):
        engine.retry(run_id, from_node="n7")


def test_a_run_that_goes_on_is_not_retried(build):
    plan = chain(2)
    engine, _ = build(plan)
    run_id = engine.start(plan, {}, trigger="cli")

    with pytest.raises(NotPossible, match="not finished"):
        engine.retry(run_id)


def test_another_process_goes_on_where_one_has_died(build, store):
    plan = chain(2)
    there, their_broker = build(plan, "there")
    run_id = there.start(plan, {}, trigger="cli")
    there.record(there.claim(their_broker.take()[0]), Succeeded("1"))
    zombie = there.claim(their_broker.take()[0])
    here, broker = build(plan, "here")

    here.take_over(run_id, owner="there")

    (ref,) = broker.take()
    here.record(here.claim(ref), Succeeded("2"))
    assert store.run_state(run_id) is RunState.SUCCESS
    assert not there.record(zombie, Succeeded("3")).accepted
    assert store.result(run_id, 1) == "2"
    assert [attempt.outcome for attempt in store.attempts(run_id)] == ["lost"]


def test_a_run_past_its_deadline_fails_and_its_worker_is_told(build, store, clock):
    plan = chain(2, deadline=60.0)
    engine, broker = build(plan)
    run_id = engine.start(plan, {}, trigger="cli")
    work = engine.claim(broker.take()[0])
    clock.now += timedelta(seconds=20)
    engine.beat()
    assert not engine.is_flagged(run_id)
    clock.now += timedelta(seconds=41)

    report = Sweeper(engine).sweep()
    engine.beat()

    assert report.overdue == 1
    assert engine.is_flagged(run_id)
    engine.record(work, Succeeded("1"))
    assert store.run(run_id).state is RunState.FAILED
    assert "deadline" in store.run(run_id).error


def test_a_lost_worker_is_charged_and_a_renewed_lease_is_not(build, store, clock):
    plan = plan_of({"a": [], "b": []}, a={"retry": RetryPolicy(max_retry=0)})
    engine, broker = build(plan)
    run_id = engine.start(plan, {}, trigger="cli")
    lost, kept = (engine.claim(ref) for ref in broker.take())
    engine.let_go(lost.claim.ref)
    sweeper = Sweeper(engine)
    for _ in range(4):
        clock.now += timedelta(seconds=10)
        engine.beat()
        sweeper.sweep()

    nodes = {node.name: node for node in store.nodes(run_id, limit=2)}
    assert nodes["a"].state == "failed"
    assert nodes["a"].error.type == "WorkerLost"
    assert nodes["b"].tries == 0
    assert engine.record(kept, Succeeded("1")).accepted


def test_a_second_sweep_within_the_interval_does_nothing(build):
    plan = chain(1)
    engine, _ = build(plan)
    sweeper = Sweeper(engine)

    assert sweeper.sweep() is not None
    assert sweeper.sweep() is None


def test_the_sweep_ends_what_was_queued_in_a_cancelled_run(build, store, clock):
    plan = roots(2)
    engine, broker = build(plan)
    run_id = engine.start(plan, {}, trigger="cli")
    first, _ = (engine.claim(ref) for ref in broker.take())
    engine.cancel(run_id)
    store.give_back(first.claim)

    report = Sweeper(engine).sweep()

    assert report.ended == 1
    assert store.nodes(run_id, limit=1)[0].state == "cancelled"


def test_the_sweep_admits_a_retry_once_there_is_room(build, clock):
    plan = plan_of({"a": [], "b": []}, max_concurrency=1)
    engine, broker = build(plan)
    engine.start(plan, {}, trigger="cli")
    engine.record(engine.claim(broker.take()[0]), Failed(ErrorInfo("E", "once")))
    (second,) = broker.take()
    clock.now += timedelta(seconds=4)
    sweeper = Sweeper(engine)
    sweeper.sweep()
    assert broker.take() == []

    engine.record(engine.claim(second), Succeeded("1"))

    (again,) = broker.take()
    assert (again.position, again.attempt) == (0, 2)


def test_claims_are_told_to_the_next_beat_when_one_fails(build, store, monkeypatch):
    plan = chain(1)
    engine, broker = build(plan)
    engine.start(plan, {}, trigger="cli")
    engine.claim(broker.take()[0])
    told = []

    def beat(said, held, *, lease):
        told.append(dict(said.claims))
        if len(told) == 1:
            raise DatabaseUnavailable("here", "away")
        return frozenset()

    monkeypatch.setattr(store, "beat", beat)
    with pytest.raises(DatabaseUnavailable):
        engine.beat()
    engine.beat()
    engine.beat()

    assert told[0] == told[1] != {}
    assert told[2] == {}


def test_cancel_keeps_the_first_reason(build, store):
    plan = chain(1)
    engine, broker = build(plan)
    run_id = engine.start(plan, {}, trigger="cli")
    engine.claim(broker.take()[0])

    engine.cancel(run_id, Flag.DEADLINE)
    engine.cancel(run_id)

    assert store.run(run_id).flag is Flag.DEADLINE
