"""Publishing on a real store, with a broker that only collects."""

from __future__ import annotations

import math

import pytest

from pypeline.application.publishing import Publishing
from pypeline.config import load_config, plan_from_document
from pypeline.engine import Engine
from pypeline.engine.bare import BareTask
from pypeline.engine.identity import Identity
from pypeline.errors import DispatchFailed, InvalidInput, InvalidPayload, UnknownTask
from pypeline.store.records import RunFilter
from pypeline.store.sql_store import SqlStore

CONFIG = """
serviceConfig:
  - name: worker
    registeredTasks:
      - {handler: demo.tasks.clean, event: {lang: en}}
      - {handler: demo.tasks.count}
"""
CLEAN = "demo.tasks.clean"


class Broker:
    """Takes messages and bare tasks, unless it is away."""

    def __init__(self):
        self.messages = []
        self.bare = []
        self.away = False

    def send(self, messages):
        if self.away:
            raise DispatchFailed("away")
        self.messages.extend(messages)


class Bare:
    def __init__(self, broker):
        self.broker = broker

    def send(self, tasks):
        tasks = list(tasks)
        self.broker.bare += tasks
        return [f"task-{number}" for number, _ in enumerate(tasks)]


@pytest.fixture
def store(tmp_path):
    with SqlStore(f"sqlite:///{tmp_path / 'runs.db'}") as store:
        yield store


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
def publishing(tmp_path, store, broker):
    (tmp_path / "sermos.yaml").write_text(CONFIG)
    engine = Engine(
        store,
        broker,
        identity=Identity("here", "amqp://broker"),
        load_plan=plan_from_document,
    )
    config = load_config(tmp_path / "sermos.yaml", env={})
    return Publishing(engine, Bare(broker), config, default_queue="usual")


def node_of(store, run_id):
    [node] = store.nodes(run_id, limit=2)
    return node


def test_a_published_task_is_a_run_of_one_node_on_the_default_queue(publishing, store, broker):
    run_id = publishing.publish(CLEAN, {"text": "a b"})

    run, node = store.run(run_id), node_of(store, run_id)
    assert (run.pipeline_id, run.trigger, run.payload) == (CLEAN, "publish", {"text": "a b"})
    assert (node.name, node.queue) == ("clean", "usual")
    assert [(message.ref.run_id, message.handler, message.queue) for message in broker.messages] == [
        (run_id, CLEAN, "usual")
    ]


def test_queue_and_limit_are_those_of_its_definition(publishing, store):
    run_id = publishing.publish(CLEAN, {}, "slow", 90)

    context = store.context(run_id)
    step = plan_from_document(CLEAN, store.definition(context.definition_id)).steps[0]
    assert (step.queue, step.max_ttl) == ("slow", 90.0)


def test_a_broker_that_is_away_loses_no_tracked_task(publishing, store, broker):
    broker.away = True

    runs = [publishing.publish(CLEAN, {}), *publishing.publish_in_batches(CLEAN, [1, 2], None)]

    assert [node_of(store, run_id).state.value for run_id in runs] == ["queued", "queued"]


def test_a_list_is_published_in_batches_in_its_order(publishing, store):
    runs = publishing.publish_in_batches(CLEAN, ({"key": key} for key in "abcde"), "slow", max_per_task=2)

    assert [store.run(run_id).payload for run_id in runs] == [
        {"tasks": [{"key": "a"}, {"key": "b"}]},
        {"tasks": [{"key": "c"}, {"key": "d"}]},
        {"tasks": [{"key": "e"}]},
    ]
    assert {node_of(store, run_id).queue for run_id in runs} == {"slow"}


def test_batches_are_five_under_the_key_that_is_wanted(publishing, store):
    first, second = publishing.publish_in_batches(CLEAN, range(6), None, "documents")

    assert store.run(first).payload == {"documents": [0, 1, 2, 3, 4]}
    assert store.run(second).payload == {"documents": [5]}


def test_an_empty_list_publishes_nothing(publishing, broker):
    assert publishing.publish_in_batches(CLEAN, [], "slow") == []
    assert publishing.publish_in_batches(CLEAN, [], "slow", track=False) == []
    assert (broker.messages, broker.bare) == ([], [])


def test_what_is_not_tracked_is_left_to_the_broker_alone(publishing, store, broker):
    task = publishing.publish(CLEAN, {"n": 1}, max_ttl=2.5, track=False)
    tasks = publishing.publish_in_batches(CLEAN, [1, 2], "slow", max_per_task=1, track=False)

    assert (task, tasks) == ("task-0", ["task-0", "task-1"])
    assert broker.bare == [
        BareTask(CLEAN, {"n": 1}, "usual", 2.5),
        BareTask(CLEAN, {"tasks": [1]}, "slow"),
        BareTask(CLEAN, {"tasks": [2]}, "slow"),
    ]
    assert store.runs(RunFilter()) == []


@pytest.mark.parametrize("track", [True, False])
def test_a_task_that_no_service_registers_is_refused(publishing, store, broker, track):
    with pytest.raises(
        UnknownTask, match=r"no registered task 'demo.tasks.clear': did you mean 'demo.tasks.clean'"
    ):
        publishing.publish("demo.tasks.clear", {}, track=track)
    with pytest.raises(UnknownTask, match="name it under registeredTasks of a service"):
        publishing.publish_in_batches("os.system", ["ls"], None, track=track)

    assert (store.runs(RunFilter()), broker.bare) == ([], [])


def test_what_is_no_path_is_refused(publishing):
    with pytest.raises(InvalidInput, match="task_path: None is no path such as"):
        publishing.publish(None, {})


@pytest.mark.parametrize(
    ("queue", "reason"),
    [
        ("a\0", "cannot be printed"),
        ("a\n", "cannot be printed"),
        ("\udcff", "cannot be printed"),
        ("amq.foo", "is RabbitMQ's own"),
        ("ä" * 128, "has 256 bytes"),
    ],
)
@pytest.mark.parametrize("track", [True, False])
def test_a_queue_that_no_broker_takes_is_refused(publishing, store, broker, queue, reason, track):
    with pytest.raises(InvalidInput, match=f"queue: .*{reason}.*: choose"):
        publishing.publish(CLEAN, {}, queue, track=track)

    assert (store.runs(RunFilter()), broker.bare) == ([], [])


@pytest.mark.parametrize(
    "payload", [None, [], "text", 3, {1: 2}, {"at": object()}, {"n": math.nan}, {"s": {1}}]
)
@pytest.mark.parametrize("track", [True, False])
def test_a_payload_that_is_no_json_object_is_refused(publishing, store, broker, payload, track):
    with pytest.raises(InvalidPayload):
        publishing.publish(CLEAN, payload, track=track)

    assert (store.runs(RunFilter()), broker.bare) == ([], [])


def test_one_bad_payload_of_a_list_publishes_none_of_it(publishing, store):
    with pytest.raises(InvalidPayload, match="batch 2"):
        publishing.publish_in_batches(CLEAN, [0, 1, 2, 3, object()], None, max_per_task=2)

    assert store.runs(RunFilter()) == []


@pytest.mark.parametrize("payloads", ["abc", b"abc", {"a": 1}, 5, None])
def test_what_is_no_list_is_not_taken_apart(publishing, payloads):
    with pytest.raises(InvalidPayload, match="a list of payloads"):
        publishing.publish_in_batches(CLEAN, payloads, None)


@pytest.mark.parametrize("limit", [0, -1, math.inf, math.nan, "60", True, 1e12])
def test_a_limit_that_is_no_number_of_seconds_is_refused(publishing, limit):
    with pytest.raises(InvalidInput, match="max_ttl"):
        publishing.publish(CLEAN, {}, max_ttl=limit)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"max_per_task": 0}, "max_per_task"),
        ({"max_per_task": 2.0}, "max_per_task"),
        ({"grouping_key": ""}, "grouping_key"),
        ({"grouping_key": 3}, "grouping_key"),
        ({"queue": 7}, "queue"),
        ({"queue": ""}, "queue"),
    ],
)
def test_the_rest_is_checked_too(publishing, changes, named):
    with pytest.raises(InvalidInput, match=named):
        publishing.publish_in_batches(CLEAN, **{"payloads": [1], "queue": None, **changes})
