"""The consumer of a worker that runs nodes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from celery import Celery
from kombu import Connection
from kombu.exceptions import OperationalError

from pypeline.tasks.brokers.consumer import NodeConsumer
from services import free_port


def test_a_worker_asks_a_broker_that_is_away_every_two_seconds_at_least(monkeypatch):
    app = Celery("away", set_as_current=False)
    app.conf.update(broker_connection_retry_on_startup=True, broker_connection_max_retries=8)
    controller = SimpleNamespace(use_eventloop=False, state=SimpleNamespace(should_stop=None))
    consumer = NodeConsumer(lambda *_: None, app=app, hostname="away", controller=controller)
    pauses: list[float] = []
    monkeypatch.setattr("kombu.utils.functional.sleep", pauses.append)

    with pytest.raises(OperationalError):
        consumer.ensure_connected(Connection(f"amqp://guest@127.0.0.1:{free_port()}//", connect_timeout=1))

    assert 8 * 0.5 <= sum(pauses) <= 8 * 2
