"""What a store knows of workers and queues, and what a parent asks for its children."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from plans import chain, mapping, plan_of, roots
from pypeline.runs.outcome import Succeeded
from pypeline.runs.states import Flag
from pypeline.store.records import QueueRecord, WorkerBeat

BROKER = "memory://here"


def test_a_worker_is_known_by_what_its_beat_said(store):
    said = WorkerBeat(
        "w1", BROKER, ("q", "slow"), service="demo", pool="prefork", concurrency=4, version="1.2"
    )
    store.beat(said, [], lease=30)
    store.beat(WorkerBeat("elsewhere", "amqp://there", ("q",)), [], lease=30)

    [found] = store.workers(BROKER)

    assert (found.worker_id, found.app, found.broker) == ("w1", "default", BROKER)
    assert found.queues == ("q", "slow")
    assert (found.service, found.pool, found.concurrency, found.version) == ("demo", "prefork", 4, "1.2")


def test_workers_are_listed_by_id_with_the_seconds_of_their_silence(store, age):
    store.beat(WorkerBeat("b", BROKER, ("q",)), [], lease=30)
    age(40)
    store.beat(WorkerBeat("a", BROKER, ("q",)), [], lease=30)

    found = store.workers(BROKER)

    assert [worker.worker_id for worker in found] == ["a", "b"]
    assert [worker.silent for worker in found] == pytest.approx([0, 40], abs=5)


def test_a_clock_that_is_ahead_of_the_database_is_seen(store):
    ahead = datetime.now(UTC) + timedelta(minutes=10)
    store.beat(WorkerBeat("w", BROKER, ("q",), clock=ahead), [], lease=30)

    [found] = store.workers(BROKER)

    assert found.skew == pytest.approx(600, abs=5)


def test_a_later_beat_tells_the_queues_and_the_clock_anew(store):
    behind = datetime.now(UTC) - timedelta(minutes=10)
    store.beat(WorkerBeat("w", BROKER, ("q",), clock=behind), [], lease=30)
    store.beat(WorkerBeat("w", BROKER, ("other",)), [], lease=30)

    [found] = store.workers(BROKER)

    assert found.queues == ("other",)
    assert found.skew == pytest.approx(0, abs=5)


def test_a_worker_of_the_release_before_is_listed_too(store):
    insert = """
        INSERT INTO pypeline_worker (id, app, broker, queues, started_at, seen_at)
        VALUES ('old', 'default', :broker, '["q"]', now(), now())
    """
    store._connections.transact(lambda tx: tx.run(insert, broker=BROKER))

    [found] = store.workers(BROKER)

    assert (found.service, found.pool, found.concurrency, found.version) == (None, "", 1, "")
    assert found.skew == 0


def test_a_worker_that_ends_well_leaves_no_row(store):
    for worker in ("a", "b"):
        store.beat(WorkerBeat(worker, BROKER, ("q",)), [], lease=30)

    store.forget_worker("a")
    store.forget_worker("never seen")

    assert [worker.worker_id for worker in store.workers(BROKER)] == ["b"]


def test_workers_that_are_silent_for_a_day_are_forgotten_by_the_sweep(store, age):
    store.beat(WorkerBeat("gone", BROKER, ("q",)), [], lease=30)
    age(86_000)
    store.beat(WorkerBeat("here", BROKER, ("q",)), [], lease=30)
    store.begin_sweep(BROKER, interval=1, lease=30)
    assert len(store.workers(BROKER)) == 2
    age(1_000)

    store.begin_sweep(BROKER, interval=1, lease=30)

    assert [worker.worker_id for worker in store.workers(BROKER)] == ["here"]


def test_a_parent_finds_the_claim_of_its_child_and_may_record_it(start, store):
    run = start(chain(1))
    claim = run.claim("n0")

    found = store.held(claim.ref, worker="w")

    assert found == claim
    assert run.record(found, Succeeded("1")).accepted


def test_what_another_worker_runs_is_not_held(start, store):
    run = start(roots(3))
    claim = run.claim("r0")
    ended = run.claim("r1")
    run.record(ended, Succeeded("1"))

    assert store.held(claim.ref, worker="another") is None
    assert store.held(ended.ref, worker="w") is None
    assert store.held(run.ref("r2"), worker="w") is None
    assert store.held(run.ref("r0", attempt=2), worker="w") is None


def test_a_beat_renews_many_leases_of_several_runs_at_once(start, store, age):
    one, other = start(roots(3)), start(mapping())
    other.list("list", 2)
    kept = [one.claim("r0"), one.claim("r2"), other.claim("each", 1)]
    lapsing = [one.claim("r1"), other.claim("each", 0)]
    age(20)

    store.beat(WorkerBeat("w", BROKER, ("q",)), [claim.ref for claim in kept], lease=30)
    age(15)

    found = {claim.ref for claim, _ in store.lapsed(BROKER, limit=9)}
    assert found == {claim.ref for claim in lapsing}


def test_a_beat_renews_nothing_that_another_worker_holds(start, store, age):
    run = start(chain(1))
    claim = run.claim("n0")
    age(31)

    store.beat(WorkerBeat("another", BROKER, ("q",)), [claim.ref], lease=30)

    assert len(store.lapsed(BROKER, limit=9)) == 1


def test_flagged_runs_are_told_from_the_others(start, store):
    quiet, cancelled, late = start(chain(1)), start(chain(1)), start(chain(1))
    for run, flag in ((cancelled, Flag.CANCEL), (late, Flag.DEADLINE)):
        run.claim("n0")
        store.cancel(run.plan, run.run_id, flag)
    every = [run.run_id for run in (quiet, cancelled, late)]

    assert store.flagged_among([*every, "unknown"]) == {cancelled.run_id, late.run_id}
    assert store.flagged_among([]) == frozenset()


def test_a_queue_tells_how_much_waits_and_for_how_long(start, store, age):
    plan = plan_of({"a": [], "b": [], "c": []}, c={"queue": "slow"})
    start(plan, broker="elsewhere")
    age(100)
    start(plan)
    age(30)
    start(plan).claim("c")

    quick, slow = store.queues(BROKER)

    assert (quick.name, quick.queued, slow.name, slow.queued) == ("q", 4, "slow", 1)
    assert [quick.oldest, slow.oldest] == pytest.approx([30, 30], abs=5)
    assert (quick.claimed, slow.claimed) == (None, None)


def test_a_queue_counts_the_nodes_of_one_application(start, store, monkeypatch):
    start(roots(2))
    monkeypatch.setattr(store, "_app", "another")

    assert store.queues(BROKER) == []


def test_a_queue_tells_when_it_was_claimed_from(start, store, age):
    run = start(roots(2))
    claim = run.claim("r0")
    store.note_claims(BROKER, {"q": claim.sent_at, "empty": claim.sent_at})
    age(20)

    empty, quick = store.queues(BROKER)

    assert empty == QueueRecord("empty", 0, None, empty.claimed)
    assert [empty.claimed, quick.claimed] == pytest.approx([20, 20], abs=5)
    assert quick.queued == 1
    assert store.queues("elsewhere") == []


def test_claims_that_are_noted_between_beats_tell_loss_from_backlog(start, store, age):
    lost = start(chain(1))
    age(10)
    later = start(chain(1)).claim("n0")

    store.note_claims(BROKER, {"q": later.sent_at})

    [found] = store.requeue_unclaimed(BROKER, margin=5, grace=30, limit=100)
    assert found.run_id == lost.run_id


def test_the_time_is_the_databases(sqlite, postgres):
    for store in (sqlite, postgres):
        assert abs(store.clock() - datetime.now(UTC)) < timedelta(seconds=5)
        assert store.clock().utcoffset() == timedelta(0)
