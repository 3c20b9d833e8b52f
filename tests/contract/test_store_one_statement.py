"""The hot path on PostgreSQL: what takes one statement, and what it finds out when it had to wait."""

from __future__ import annotations

import subprocess
import sys
import threading
import uuid

import pytest

from plans import chain, fan, mapping, plan_of, roots
from pypeline.runs.outcome import ErrorInfo, Failed, Postponed, SkippedByHandler, Succeeded
from pypeline.runs.rules import TriggerRule, rule_holds
from pypeline.runs.states import Flag, NodeState, RunState
from pypeline.store import attempts, control
from pypeline.store.connections import Transaction
from pypeline.store.one_statement import RUNS_WHEN

ALL_DONE = {"rule": TriggerRule.ALL_DONE}


def failure():
    return Failed(ErrorInfo("ValueError", "no luck"))


@pytest.fixture
def run(postgres, drive):
    return lambda plan: drive(postgres, plan)


@pytest.fixture
def alone(postgres, monkeypatch):
    """From when it is called, a transaction of several statements is a failure."""

    def refuse(*_, **__):
        raise AssertionError("a transaction was begun")

    return lambda: monkeypatch.setattr(postgres._connections, "transact", refuse)


@pytest.mark.parametrize("rule", TriggerRule)
@pytest.mark.parametrize("failed", [0, 1, 2])
@pytest.mark.parametrize("skipped", [0, 1, 2])
def test_the_bits_of_a_rule_say_what_the_rule_says(rule, failed, skipped):
    bit = 2 * (failed > 0) + (skipped > 0)

    assert bool(RUNS_WHEN[rule] >> bit & 1) is rule_holds(rule, failed=failed, skipped=skipped)


def test_a_run_that_succeeds_takes_one_statement_a_step(run, alone):
    diamond = run(plan_of({"a": ["b", "c"], "b": ["d"], "c": ["d"]}))
    alone()

    diamond.drain()

    assert diamond.state is RunState.SUCCESS
    assert set(diamond.states().values()) == {NodeState.SUCCESS}


def test_an_end_with_many_successors_queues_them_in_order(run, alone):
    wide = run(fan(300))
    alone()

    recorded = wide.succeed("first")

    assert [ready.position for ready in recorded.ready] == list(range(1, 301))
    assert {ready.attempt for ready in recorded.ready} == {1}


@pytest.mark.parametrize("outcome", [failure(), Postponed(9, "later")])
def test_an_attempt_that_is_tried_again_takes_one_statement(run, alone, outcome):
    one = run(chain(2))
    alone()

    recorded = one.record(one.claim("n0"), outcome, delay=9 if isinstance(outcome, Failed) else None)

    assert (recorded.accepted, recorded.ready) == (True, ())
    assert one.node("n0").state is NodeState.RETRYING
    assert one.node("n0").tries == isinstance(outcome, Failed)


def test_a_skip_that_skips_nothing_else_takes_one_statement(run, alone):
    one = run(plan_of({"a": ["b"]}, b=ALL_DONE))
    alone()

    one.skip("a")

    assert one.names == ["b"]
    assert one.node("a").error.message == "not today"


def test_items_take_one_statement_until_the_last(run, alone):
    mapped = run(mapping(window=2))
    mapped.list("list", 4)
    alone()

    for item in range(3):
        mapped.succeed("each", item)

    assert mapped.names == ["each[3]"]
    assert mapped.node("each").waiting == 1


def test_what_was_logged_is_kept_by_the_same_statement(run, alone, postgres):
    one = run(roots(2))
    alone()

    one.record(one.claim("r0"), Succeeded("1", log="said"))

    assert postgres.logs(one.run_id, 0) == [(1, "said")]


@pytest.mark.parametrize(
    "outcome", [Succeeded("1"), SkippedByHandler("no"), Postponed(9, "later"), failure()]
)
def test_what_one_statement_cannot_decide_it_leaves_alone(run, postgres, outcome):
    one = run(plan_of({"list": ["each", "other"], "each": []}, each={"for_each": "list"}))
    claim = one.claim("list")
    stranger = type(claim)(claim.ref, uuid.uuid4().hex, claim.tries, claim.sent_at)
    before = one.nodes()

    assert postgres._hot.record(one.plan, stranger, outcome, delay=None) is None
    if not isinstance(outcome, Postponed):
        assert postgres._hot.record(one.plan, claim, outcome, delay=None) is None

    assert one.nodes() == before


def test_a_record_that_waited_for_a_cancel_queues_nothing(run, postgres):
    one = run(chain(3))
    claim = one.claim("n0")

    with meanwhile(postgres, lambda tx: control.cancel(tx, one.plan, one.run_id, Flag.CANCEL)) as waiting:
        waiting.start(lambda: one.record(claim, Succeeded("1")))

    assert waiting.answer.accepted
    assert waiting.answer.finished is RunState.CANCELLED
    assert one.states() == {"n0": "success", "n1": "cancelled", "n2": "cancelled"}


def test_a_record_that_waited_for_another_parent_sees_what_that_changed(run, postgres):
    one = run(plan_of({"a": ["c"], "b": ["c"]}))
    first, second = one.claim("a"), one.claim("b")

    with meanwhile(postgres, recording(one, first, Succeeded("1"))) as waiting:
        waiting.start(lambda: one.record(second, Succeeded("2")))

    assert [ready.position for ready in waiting.answer.ready] == [2]


def test_a_record_that_waited_for_a_parent_that_failed_skips_what_follows(run, postgres):
    one = run(plan_of({"a": ["c"], "b": ["c"]}))
    first, second = one.claim("a"), one.claim("b")

    with meanwhile(postgres, recording(one, first, failure())) as waiting:
        waiting.start(lambda: one.record(second, Succeeded("2")))

    assert waiting.answer.finished is RunState.FAILED
    assert one.states() == {"a": "failed", "b": "success", "c": "skipped"}


def test_the_last_of_two_final_nodes_learns_that_the_other_failed(run, postgres):
    one = run(roots(2))
    first, second = one.claim("r0"), one.claim("r1")

    with meanwhile(postgres, recording(one, first, failure())) as waiting:
        waiting.start(lambda: one.record(second, Succeeded("2")))

    assert waiting.answer.finished is RunState.FAILED
    assert postgres.run(one.run_id).error == "r0: ValueError: no luck"


def test_two_items_that_end_together_release_one_each(run, postgres):
    mapped = run(mapping(window=2))
    mapped.list("list", 6)
    first, second = mapped.claim("each", 0), mapped.claim("each", 1)

    with meanwhile(postgres, recording(mapped, first, Succeeded("1"))) as waiting:
        waiting.start(lambda: mapped.record(second, Succeeded("2")))

    assert [(ready.position, ready.item) for ready in waiting.answer.ready] == [(1, 3)]
    assert mapped.item_states("each")[2:] == ["queued", "queued", "pending", "pending"]
    assert mapped.node("each").waiting == 4


class Waiting:
    """A thread whose statement is kept waiting by a transaction that is open."""

    def __init__(self, store):
        self._store = store
        self.answer = None

    def start(self, work):
        self._thread = threading.Thread(target=self._work, args=(work,))
        self._thread.start()
        blocked = """
            SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
        """
        while not self._store._connections.read(lambda tx: tx.one(blocked)):
            assert self._thread.is_alive(), "it did not wait"

    def join(self):
        self._thread.join(10)

    def _work(self, work):
        self.answer = work()


class meanwhile:  # noqa: N801 - reads as a word of the test
    """Does the work in a transaction that commits at the end of the block."""

    def __init__(self, store, work):
        self._store, self._work, self._waiting = store, work, Waiting(store)

    def __enter__(self):
        self._connection = self._store._dialect.connect()
        self._store._dialect.begin(self._connection)
        self._work(Transaction(self._connection, self._store._dialect, durable=False, wide=True))
        return self._waiting

    def __exit__(self, *_):
        self._connection.execute("COMMIT")
        self._connection.close()
        self._waiting.join()


def recording(run, claim, outcome):
    return lambda tx: attempts.record(tx, run.plan, claim, outcome, delay=None)


GREENLETS = """
from gevent import monkey
monkey.patch_all()
import sys, gevent, psycopg
from pypeline.store.prepared import PreparedStatements

holder = psycopg.connect(sys.argv[1])
holder.execute("SELECT pg_advisory_xact_lock(7276353107)")
other = PreparedStatements(psycopg.connect(sys.argv[1], autocommit=True))
waiting = gevent.spawn(other.execute, "SELECT pg_advisory_xact_lock(7276353107)", [])
gevent.sleep(0)
holder.commit()
waiting.get(timeout=20)
"""


def test_a_greenlet_that_waits_for_a_lock_lets_its_holder_go_on(postgres_url):
    url = postgres_url.replace("+psycopg", "")

    subprocess.run([sys.executable, "-c", GREENLETS, url], check=True, timeout=40)
