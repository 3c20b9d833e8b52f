"""The beat of a worker, the turns of the sweep, and telling backlog from loss."""

from __future__ import annotations

from datetime import timedelta

import pytest

from plans import chain, mapping, plan_of, roots
from pypeline.runs.states import Flag, NodeState
from pypeline.store.records import Ready, WorkerBeat
from pypeline.store.sql_store import SqlStore

BROKER = "memory://here"
PACE = {"margin": 5.0, "grace": 30.0}


def beat(store, *claims, queues=("q",), lease=30.0, claimed=None):
    said = WorkerBeat("w", BROKER, queues, claims=claimed or {})
    return store.beat(said, [claim.ref for claim in claims], lease=lease)


def seen(claim):
    return {"q": claim.sent_at}


def resent(store, *, broker=BROKER, limit=100):
    found = store.requeue_unclaimed(broker, limit=limit, **PACE)
    return sorted((one.run_id, node.position, node.item, node.attempt) for one in found for node in one.ready)


# — beats —


def test_a_beat_renews_the_leases_that_it_names(start, store, age):
    run = start(roots(2))
    kept, lapsed = run.claim("r0"), run.claim("r1")
    age(20)

    beat(store, kept)
    age(15)

    assert [claim.ref for claim, _ in store.lapsed(BROKER, limit=9)] == [lapsed.ref]


def test_a_beat_does_not_renew_what_another_attempt_holds(start, store, age):
    run = start(chain(1))
    zombie = run.claim("n0")
    run.queued((store.give_back(zombie),))
    run.claim("n0")
    age(31)

    beat(store, zombie)

    assert len(store.lapsed(BROKER, limit=9)) == 1


def test_a_beat_is_told_which_of_its_runs_are_flagged(start, store):
    quiet, flagged = start(chain(2)), start(chain(2))
    claims = [quiet.claim("n0"), flagged.claim("n0")]
    assert beat(store, *claims) == frozenset()

    store.cancel(flagged.plan, flagged.run_id, Flag.CANCEL)

    assert beat(store, *claims) == {flagged.run_id}
    assert beat(store, claims[0]) == frozenset()
    assert beat(store) == frozenset()


def test_a_worker_is_seen_at_each_beat(store, age):
    assert store.owner_seen(BROKER) is None
    beat(store)
    age(20)
    assert store.owner_seen(BROKER) == pytest.approx(20, abs=5)

    beat(store)

    assert store.owner_seen(BROKER) == pytest.approx(0, abs=5)
    assert store.owner_seen("elsewhere") is None


# — turns —


def test_one_caller_sweeps_within_an_interval(store, age):
    assert store.begin_sweep(BROKER, interval=1, lease=30)
    assert not store.begin_sweep(BROKER, interval=1, lease=30)
    assert store.begin_sweep("elsewhere", interval=1, lease=30)

    age(1)

    assert store.begin_sweep(BROKER, interval=1, lease=30)


def test_each_application_on_a_broker_mends_its_own_runs(start, store, age):
    start(chain(1)).claim("n0")
    start(chain(1))
    url = store._engine.url.render_as_string(hide_password=False)
    assert store.begin_sweep(BROKER, interval=1, lease=30)
    age(31)

    with SqlStore(url, app="other") as other:
        assert other.begin_sweep(BROKER, interval=1, lease=30)
        assert other.lapsed(BROKER, limit=9) == []
        assert resent(other) == []

    assert len(store.lapsed(BROKER, limit=9)) == 1
    assert len(resent(store)) == 1


def test_after_an_outage_every_lease_is_extended_first(start, store, age):
    run = start(mapping())
    run.list("list", 1)
    run.claim("each", 0)
    store.begin_sweep(BROKER, interval=1, lease=30)
    age(600)

    assert store.begin_sweep(BROKER, interval=1, lease=30)

    assert store.lapsed(BROKER, limit=9) == []
    age(31)
    assert len(store.lapsed(BROKER, limit=9)) == 1


def test_an_outage_of_one_broker_extends_no_lease_of_another(start, store, age):
    start(chain(1), broker="elsewhere").claim("n0")
    store.begin_sweep(BROKER, interval=1, lease=30)
    age(600)

    store.begin_sweep(BROKER, interval=1, lease=30)

    assert len(store.lapsed("elsewhere", limit=9)) == 1


def test_a_sweep_in_time_extends_nothing(start, store, age):
    start(chain(1)).claim("n0")
    store.begin_sweep(BROKER, interval=1, lease=30)
    for _ in range(4):
        age(10)
        store.begin_sweep(BROKER, interval=1, lease=30)

    assert len(store.lapsed(BROKER, limit=9)) == 1


def test_a_mapped_node_itself_has_no_lease_to_lose(start, store, age):
    run = start(mapping())
    run.list("list", 1)

    age(10_000)

    assert store.lapsed(BROKER, limit=9) == []


def test_the_longest_lapsed_come_first_and_no_more_than_the_limit(start, store, age):
    run = start(roots(3))
    for name in ("r2", "r0", "r1"):
        run.claim(name)
        age(1)
    age(31)

    assert [claim.ref.position for claim, _ in store.lapsed(BROKER, limit=2)] == [2, 0]


# — backlog and loss —


def overtaken(start, store, age, *, by):
    """A run whose message was sent that many seconds before one that was claimed."""
    lost = start(chain(1))
    age(by)
    beat(store, claimed=seen(start(chain(1)).claim("n0")))
    return lost


def test_what_was_overtaken_on_its_queue_is_sent_again(start, store, age):
    lost = overtaken(start, store, age, by=6)

    assert resent(store) == [(lost.run_id, 0, -1, 2)]

    node = lost.node("n0")
    assert (node.state, node.tries) == (NodeState.QUEUED, 0)
    assert lost.try_claim("n0", attempt=1) is None
    assert lost.try_claim("n0", attempt=2) is not None
    assert resent(store) == []


def test_within_the_margin_nothing_was_overtaken(start, store, age):
    overtaken(start, store, age, by=4)

    assert resent(store) == []


def test_another_queue_overtakes_nothing(start, store, age):
    start(plan_of({"a": []}, a={"queue": "slow"}))
    age(6)
    beat(store, claimed=seen(start(chain(1)).claim("n0")))

    assert resent(store) == []


def test_an_older_claim_does_not_hide_a_newer_one(start, store, age):
    first = start(chain(1)).claim("n0")
    age(3)
    lost = start(chain(1))
    age(6)
    newest = start(chain(1)).claim("n0")
    beat(store, claimed=seen(newest))

    beat(store, claimed={"q": first.sent_at - timedelta(seconds=9)})

    assert resent(store) == [(lost.run_id, 0, -1, 2)]


def test_a_backlog_on_a_queue_that_moves_is_left_alone(start, store, age):
    backlog = start(roots(5))
    age(100)
    beat(store, claimed=seen(backlog.claim("r0")))
    age(20)

    assert resent(store) == []


def test_messages_that_were_sent_together_are_a_backlog_while_any_is_claimed(start, store, age):
    run = start(roots(3))
    together = seen(run.claim("r0"))
    for _ in range(3):
        beat(store, claimed=together)
        age(20)
        together = {"q": together["q"] - timedelta(seconds=20)}

    assert resent(store) == []


def test_a_quiet_queue_sends_its_oldest_once_in_a_grace(start, store, age):
    old = start(roots(3))
    age(10)
    start(roots(3))
    age(31)

    found = resent(store, limit=2)
    assert [row[0] for row in found] == [old.run_id] * 2
    assert resent(store, limit=2) == []
    age(29)
    assert resent(store, limit=2) == []
    age(2)
    assert len(resent(store, limit=2)) == 2


def test_a_queue_that_was_never_claimed_waits_for_a_grace(start, store, age):
    run = start(chain(1))
    age(29)
    assert resent(store) == []

    age(2)

    assert resent(store) == [(run.run_id, 0, -1, 2)]


def test_a_queue_that_fell_silent_is_quiet(start, store, age):
    run = start(roots(2))
    beat(store, claimed=seen(run.claim("r0")))
    age(31)

    assert resent(store) == [(run.run_id, 1, -1, 2)]


def test_each_quiet_queue_has_its_own_turn(start, store, age):
    start(plan_of({"a": [], "b": []}, a={"queue": "slow"}))
    age(31)

    assert len(resent(store, limit=1)) == 2


def test_runs_of_another_broker_are_not_sent_again(start, store, age):
    start(chain(1), broker="elsewhere")
    overtaken(start, store, age, by=40)
    age(40)

    assert all(row[0] != "elsewhere" for row in resent(store, broker="third"))
    assert resent(store, broker="third") == []


def test_flagged_runs_are_not_sent_again(start, store, age):
    run = start(chain(2))
    claim = run.claim("n0")
    store.cancel(run.plan, run.run_id, Flag.CANCEL)
    store.give_back(claim)
    age(40)

    assert resent(store) == []


def test_items_are_sent_again_by_themselves(start, store, age):
    run = start(mapping())
    run.list("list", 2)
    run.claim("each", 0)
    age(31)

    assert store.requeue_unclaimed(BROKER, limit=9, **PACE)[0].ready == (Ready(1, 1, 2),)
