"""How a worker connects to its broker, also to one that does not let it in."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from celery import Celery
from kombu import Connection
from kombu.exceptions import OperationalError

from cli_stage import RABBITMQ, require_broker
from pypeline.tasks.brokers.consumer import NodeConsumer
from services import free_port


@pytest.fixture
def urls():
    return {
        "away": f"amqp://guest@127.0.0.1:{free_port()}//",
        "a wrong password": "amqp://guest:wrong@127.0.0.1:5672//",
        "no such virtual host": "amqp://guest:guest@127.0.0.1:5672/pypeline-test-nowhere",
    }


def a_consumer(broker):
    app = Celery("asking", broker=broker, set_as_current=False)
    app.conf.update(broker_connection_retry_on_startup=True, broker_connection_max_retries=8)
    controller = SimpleNamespace(use_eventloop=False, state=SimpleNamespace(should_stop=None))
    return NodeConsumer(lambda *_: None, app=app, hostname="asking", controller=controller)


@pytest.mark.parametrize("reason", ["away", "a wrong password", "no such virtual host"])
def test_a_worker_asks_again_every_two_seconds_at_least_and_not_at_once(monkeypatch, urls, reason):
    require_broker(RABBITMQ)
    consumer = a_consumer(RABBITMQ)
    pauses: list[float] = []
    monkeypatch.setattr("kombu.utils.functional.sleep", pauses.append)

    with pytest.raises(OperationalError):
        consumer.ensure_connected(Connection(urls[reason], connect_timeout=1))

    assert 8 * 0.5 <= sum(pauses) <= 8 * 2


def test_a_worker_does_not_wait_for_what_nobody_sends_it_where_it_sends_its_events():
    consumer = a_consumer(require_broker(RABBITMQ))
    begun = time.monotonic()

    with consumer.connection_for_write(heartbeat=0) as connection, pytest.raises(TimeoutError):
        connection.drain_events(timeout=20)

    assert time.monotonic() - begun < 10
