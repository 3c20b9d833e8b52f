"""Who reads the queues of a broker, and what that lets a run's document and a retry say."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest

from plans import chain
from pypeline.application import Application
from pypeline.application.listeners import Listeners, listeners_of
from pypeline.application.outbox import Outbox
from pypeline.engine import Engine
from pypeline.engine.identity import Identity
from pypeline.errors import DispatchFailed, NotPossible, UnknownRun
from pypeline.runs.states import RunState
from pypeline.store.records import WorkerBeat
from pypeline.store.sql_store import SqlStore

OURS, OTHER = "amqp://ours//", "amqp://other//"
QUEUE = chain(1).steps[0].queue


class Broker:
    def __init__(self, *, away=False):
        self.away = away
        self.messages = []

    def send(self, messages):
        if self.away:
            raise DispatchFailed("nobody is there")
        self.messages.extend(messages)


class Door:
    """An application that sends to a broker, and runs nothing."""

    def __init__(self, store, broker):
        self.sent = Broker()
        identity = Identity("door", broker)
        self.engine = Engine(store, self.sent, identity=identity, load_plan=lambda *_, **__: chain(1))
        self.application = Application(self.engine, None)

    def start(self):
        return self.engine.start(chain(1), {}, trigger="cli")

    def why(self, run_id):
        return self.application.document(run_id)["nodes"][0]["why"]


@pytest.fixture
def store(tmp_path):
    with SqlStore(f"sqlite:///{tmp_path / 'runs.db'}", app="ours") as store:
        yield store


@pytest.fixture
def door(store):
    return lambda broker=OURS: Door(store, broker)


def beat(store, *queues, broker=OURS):
    store.beat(WorkerBeat("worker", broker, queues), [], lease=30)


def test_a_queue_without_a_worker_is_why_its_nodes_wait(store, door):
    beat(store, "another")
    here = door()

    assert here.why(here.start()) == f"no worker listens on queue {QUEUE}"


def test_a_queue_with_a_worker_says_how_many_wait_there(store, door):
    beat(store, QUEUE)
    here = door()

    first, _ = here.start(), here.start()

    assert here.why(first) == f"waits for a worker on queue {QUEUE}, 2 queued there"


def test_a_worker_of_another_application_is_none(store, door, tmp_path):
    with SqlStore(f"sqlite:///{tmp_path / 'runs.db'}", app="theirs") as theirs:
        beat(theirs, QUEUE)
    here = door()

    assert here.why(here.start()) == f"no worker listens on queue {QUEUE}"


def test_where_nobody_was_asked_nothing_is_claimed():
    assert Listeners().why_queued("q") == "waits for a worker on queue q"


def test_an_unfinished_run_of_this_broker_is_left_to_its_workers(door):
    run_id = door().start()

    with pytest.raises(NotPossible, match="its workers finish it"):
        door().application.retry(run_id)


def test_an_unfinished_run_of_another_broker_is_left_to_the_workers_there(store, door):
    run_id = door(OTHER).start()
    beat(store, QUEUE, broker=OTHER)

    with pytest.raises(NotPossible, match=f"still going on {OTHER}, whose workers finish it"):
        door().application.retry(run_id)


def test_an_unfinished_run_of_a_broker_without_workers_is_taken_over(door):
    run_id = door(OTHER).start()
    here = door()

    here.application.retry(run_id)

    assert here.application.run(run_id).broker == OURS
    assert [message.ref.attempt for message in here.sent.messages] == [2]


def test_a_process_without_a_broker_takes_no_run_from_one(door):
    run_id = door(OTHER).start()

    with pytest.raises(NotPossible, match="set PYPELINE_BROKER_URL"):
        door("memory://host/1/1.00/here").application.retry(run_id)


def test_a_finished_run_may_be_retried_on_another_broker(door):
    there = door(OTHER)
    run_id = there.start()
    assert there.application.cancel(run_id) is RunState.CANCELLED
    here = door()

    here.application.retry(run_id)

    assert here.application.run(run_id).broker == OURS


def test_an_outbox_keeps_what_the_broker_said(door):
    broker = Broker(away=True)
    outbox = Outbox(broker)

    outbox.send([])
    away = outbox.problem
    broker.away = False
    outbox.send([])

    assert (away, outbox.problem) == ("nobody is there", None)


def test_a_silent_worker_is_not_counted(store, door):
    beat(store, QUEUE)
    [worker] = store.workers(OURS)
    here = door()
    run = here.application.run(here.start())
    silent = replace(worker, silent=31.0)

    class Silent:
        workers = staticmethod(lambda broker: [silent])
        queues = staticmethod(store.queues)

    assert listeners_of(Silent(), run, lease=30).read == frozenset()


def test_the_version_of_a_run_tells_who_reads_the_queue_of_a_node_that_waits(store, door):
    here = door()
    run_id = here.start()
    seen = [(here.application.version(run_id), here.why(run_id))]
    for change in (
        lambda: beat(store, "elsewhere"),
        lambda: beat(store, QUEUE),
        here.start,
        lambda: store.forget_worker("w"),
    ):
        change()
        seen.append((here.application.version(run_id), here.why(run_id)))

    assert len({why for _, why in seen}) == 3
    assert all(one[0] != other[0] for one, other in combinations(seen, 2) if one[1] != other[1])


def test_the_version_of_a_run_in_which_nothing_is_queued_asks_for_no_worker(store, door):
    here = door()
    run_id = here.start()
    here.engine.claim(here.sent.messages[0].ref)
    before = here.application.version(run_id)

    beat(store, QUEUE)

    assert before == here.application.version(run_id) == store.run_version(run_id).text


def test_an_unknown_run_has_no_version(door):
    with pytest.raises(UnknownRun):
        door().application.version("nope")
