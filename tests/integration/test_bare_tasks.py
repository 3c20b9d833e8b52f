"""Tasks that nothing tracks, on each broker: what is answered is in the queue."""

from __future__ import annotations

import threading
import uuid

import pytest
from kombu import Connection

from cli_stage import RABBITMQ, REDIS, require_broker
from pypeline.bootstrap.broker import client_app
from pypeline.config import Settings
from pypeline.engine.bare import BareTask
from pypeline.errors import NotPublished
from pypeline.tasks.brokers.bare import CeleryTasks
from pypeline.tasks.brokers.queues import queue_of
from services import free_port


@pytest.fixture
def queue():
    return f"pypeline-test-{uuid.uuid4().hex}"


def app_on(broker, queue):
    return client_app(Settings.load({"PYPELINE_BROKER_URL": broker, "PYPELINE_APP": queue}))


@pytest.fixture(params=[RABBITMQ, REDIS])
def app(request, queue):
    made = app_on(require_broker(request.param), queue)
    yield made
    with made.connection_for_write() as connection:
        queue_of(made, queue)(connection.default_channel).delete()


def messages_in(app, queue):
    with app.connection_for_write() as connection:
        bound = queue_of(app, queue)(connection.default_channel)
        found = []
        while (message := bound.get(no_ack=True)) is not None:
            found.append(message)
    return found


def test_each_task_is_a_celery_task_with_its_event_and_limits(app, queue):
    ids = CeleryTasks(app).send(
        [BareTask("demo.tasks.clean", {"n": 1}, queue), BareTask("demo.tasks.clean", {"n": 2}, queue, 2.5)]
    )

    found = messages_in(app, queue)
    assert [message.headers["id"] for message in found] == ids
    assert [message.payload[0] for message in found] == [[{"n": 1}], [{"n": 2}]]
    assert {message.headers["task"] for message in found} == {"demo.tasks.clean"}
    assert [message.headers["timelimit"] for message in found] == [[None, None], [12.5, 2.5]]


def test_threads_send_side_by_side(app, queue):
    bare = CeleryTasks(app)
    ids = []

    def send():
        ids.extend(bare.send([BareTask("demo.tasks.clean", {}, queue)] * 20))
        bare.close()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(message.headers["id"] for message in messages_in(app, queue)) == sorted(ids)
    assert len(set(ids)) == 80


def test_a_queue_that_is_full_has_each_task_that_is_answered_once(queue):
    app = app_on(require_broker(RABBITMQ), queue)
    bare = CeleryTasks(app)
    with Connection(RABBITMQ) as connection:
        channel = connection.default_channel
        channel.queue_declare(
            queue,
            durable=True,
            auto_delete=False,
            arguments={"x-max-length": 5, "x-overflow": "reject-publish"},
        )
        try:
            with pytest.raises(NotPublished, match="took 5 tasks and no more") as caught:
                bare.send([BareTask("demo.tasks.clean", {"n": n}, queue) for n in range(8)])
            found = [message.headers["id"] for message in messages_in(app, queue)]
        finally:
            channel.queue_delete(queue)

    assert found == list(caught.value.published)


@pytest.mark.parametrize("broker", [RABBITMQ, REDIS])
def test_a_broker_that_is_away_refuses(broker, queue):
    there, _, rest = broker.rpartition(":")
    away = f"{there}:{free_port()}/{rest.partition('/')[2]}"
    bare = CeleryTasks(app_on(away, queue))

    with pytest.raises(NotPublished) as caught:
        bare.send([BareTask("demo.tasks.clean", {}, queue)])

    assert caught.value.published == ()


def test_what_was_taken_before_a_failure_is_told(queue):
    app = app_on(require_broker(RABBITMQ), queue)

    def tasks():
        yield from [BareTask("demo.tasks.clean", {"n": 1}, queue)] * 200
        app.conf.broker_write_url = app.conf.broker_url = f"amqp://127.0.0.1:{free_port()}//"
        bare.close()
        yield BareTask("demo.tasks.clean", {"n": 2}, queue)

    bare = CeleryTasks(app)
    with pytest.raises(NotPublished, match="took 200 tasks and no more") as caught:
        bare.send(tasks())

    with Connection(RABBITMQ) as connection:
        channel = connection.default_channel
        kept = [channel.basic_get(queue, no_ack=True).headers["id"] for _ in range(200)]
        assert channel.basic_get(queue) is None
        channel.queue_delete(queue)
    assert kept == list(caught.value.published)
