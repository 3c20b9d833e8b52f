"""The use cases on a real store, with a broker that only collects."""

from __future__ import annotations

import socket

import pytest

from plans import chain, plan_of
from pypeline.application import Application, owners
from pypeline.application.audit import audit_document
from pypeline.engine import Engine
from pypeline.engine.identity import Identity
from pypeline.errors import NotPossible, UnknownRun
from pypeline.runs.outcome import ErrorInfo, Failed, SkippedByHandler, Succeeded
from pypeline.runs.states import RunState
from pypeline.store.audit_base import NewAuditEntry
from pypeline.store.records import NODE, RunFilter
from pypeline.store.sql_store import SqlStore

GONE = f"memory://{socket.gethostname()}/999999999/1.00/gone"
MAPPED = plan_of({"list": ["each"], "each": ["end"]}, each={"for_each": "list"}, end={"rule": "all_done"})


class Broker:
    def __init__(self):
        self.messages = []

    def send(self, messages):
        self.messages.extend(messages)


class Process:
    """An engine, the application on it, and what was sent."""

    def __init__(self, store, plan, owner):
        self.broker = Broker()
        identity = Identity(owners.describe(owner), owner)
        self.engine = Engine(store, self.broker, identity=identity, load_plan=lambda *_, **__: plan)
        self.application = Application(self.engine, None)
        self.plan = plan

    def start(self):
        return self.engine.start(self.plan, {}, trigger="cli")

    def work(self, answer=lambda work: Succeeded("1")):
        while self.broker.messages:
            work = self.engine.claim(self.broker.messages.pop(0).ref)
            self.engine.record(work, answer(work))


@pytest.fixture
def store(tmp_path):
    with SqlStore(f"sqlite:///{tmp_path / 'runs.db'}") as store:
        yield store


@pytest.fixture
def here(store):
    return lambda plan: Process(store, plan, owners.new_owner())


@pytest.fixture
def gone(store):
    return lambda plan: Process(store, plan, GONE)


def of_list(elements, each=lambda item: Succeeded(str(item))):
    def answer(work):
        if work.step.name == "list":
            return Succeeded(None, tuple(map(str, range(elements))))
        return each(work.claim.ref.item) if work.step.name == "each" else Succeeded('"the end"')

    return answer


def results(document):
    return {node["node"]: node["result"] for node in document["nodes"] if node["index"] is None}


def test_a_run_whose_process_lives_is_neither_taken_over_nor_an_orphan(here):
    process = here(chain(2))
    run_id = process.start()

    assert not process.application.is_orphan(process.application.run(run_id))
    with pytest.raises(NotPossible, match="still going"):
        here(chain(2)).application.retry(run_id)


def test_a_run_whose_process_is_gone_is_taken_over(here, gone):
    run_id = gone(chain(2)).start()
    process = here(chain(2))

    process.application.retry(run_id)

    process.work()
    assert process.application.run(run_id).state is RunState.SUCCESS


def test_a_run_whose_process_was_left_while_it_was_cancelled_goes_on_by_one_retry(here, gone):
    left = gone(chain(2))
    run_id = left.start()
    left.engine.claim(left.broker.messages.pop().ref)
    left.engine.cancel(run_id)
    process = here(chain(2))

    process.application.retry(run_id)

    process.work()
    assert process.application.run(run_id).state is RunState.SUCCESS


def test_an_orphan_is_cancelled_at_once_also_while_a_retry_waits(here, gone):
    left = gone(chain(2))
    run_id = left.start()
    left.work(lambda work: Failed(ErrorInfo("E", "once")))

    assert here(chain(2)).application.cancel(run_id) is RunState.CANCELLED


def test_items_leave_room_for_the_nodes_of_a_document(here):
    process = here(MAPPED)
    run_id = process.start()
    process.work(of_list(1500))

    document = process.application.document(run_id)

    assert document["nodes_truncated"]
    assert len(document["nodes"]) == 1000
    assert [node["node"] for node in document["nodes"] if node["index"] is None] == ["list", "each", "end"]
    assert [node["index"] for node in document["nodes"][2:-1]] == list(range(997))


def test_the_result_of_a_partly_failed_map_has_none_for_what_failed(here, store):
    process = here(MAPPED)
    run_id = process.start()
    final = Failed(ErrorInfo("E", "bad item"), final=True)
    process.work(of_list(3, lambda item: final if item == 1 else Succeeded(str(item))))

    document = process.application.document(run_id)

    assert document["state"] == "failed"
    assert results(document) == {"list": [0, 1, 2], "each": [0, None, 2], "end": "the end"}
    assert store.element_count(run_id, 1) == 3


def test_the_result_of_a_wholly_skipped_map_has_none_for_each_item(here):
    process = here(MAPPED)
    run_id = process.start()
    process.work(of_list(2, lambda _: SkippedByHandler("not today")))

    document = process.application.document(run_id)

    assert [node["state"] for node in document["nodes"] if node["index"] is None][1] == "skipped"
    assert results(document)["each"] == [None, None]


def test_the_result_of_an_empty_map_is_an_empty_list(here):
    process = here(MAPPED)
    run_id = process.start()
    process.work(of_list(0))

    assert results(process.application.document(run_id))["each"] == []


def test_a_page_of_runs_says_where_the_next_begins_and_where_there_is_none(store, here):
    process = here(chain(1))
    made = [process.start() for _ in range(4)]

    first, last = process.application.runs_page(RunFilter(limit=2))
    second, end = process.application.runs_page(RunFilter(limit=2, after_at=last[0], after=last[1]))

    assert {run.run_id for run in [*first, *second]} == set(made)
    assert (len(first), len(second), end) == (2, 2, None)


def test_a_page_of_nodes_says_where_the_next_begins_and_where_there_is_none(store, here):
    process = here(chain(4))
    run_id = process.start()

    first, last = process.application.nodes_page(run_id, limit=2)
    second, end = process.application.nodes_page(run_id, limit=2, after=last)

    assert [node.name for node in [*first, *second]] == ["n0", "n1", "n2", "n3"]
    assert (len(first), last, end) == (2, (1, NODE), None)


def test_a_run_of_another_application_has_no_page_of_nodes(store, here, tmp_path):
    run_id = here(chain(1)).start()
    with SqlStore(f"sqlite:///{tmp_path / 'runs.db'}", app="other") as other:
        stranger = Process(other, chain(1), owners.new_owner())

        with pytest.raises(UnknownRun):
            stranger.application.nodes_page(run_id, limit=9)


def test_an_entry_of_the_audit_is_a_document(here):
    audit = here(chain(1)).application.audit
    entry = NewAuditEntry("ci", "operator", "run.cancel", "10.0.0.1", target="r1", detail={"why": "late"})
    audit.settle(audit.note(entry), 202)

    (document,) = [audit_document(record) for record in audit.entries(limit=9)]

    assert document.pop("at").endswith("Z")
    assert document == {
        "id": 1,
        "execution_id": None,
        "actor": "ci",
        "role": "operator",
        "action": "run.cancel",
        "source": "10.0.0.1",
        "target": "r1",
        "detail": {"why": "late"},
        "status": 202,
    }
