"""Messages that cross a real broker to a worker process."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
import redis
from kombu import Connection

from celery_broker_app import make_app
from celery_fakes import a_message, a_ref, wait_until
from celery_workers import worker_process
from pypeline.tasks.brokers.dispatch import CeleryDispatcher
from services import unavailable

if TYPE_CHECKING:
    from celery import Celery

BROKERS = {
    "rabbitmq": "amqp://guest:guest@127.0.0.1:5672//",
    "redis": "redis://127.0.0.1:6379/0",
}


@pytest.fixture(params=sorted(BROKERS))
def broker(request: pytest.FixtureRequest) -> str:
    url = BROKERS[request.param]
    try:
        with Connection(url, connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
    except Exception as error:  # noqa: BLE001 - each client has errors of its own
        unavailable(f"{request.param}: no server at {url}: {error}")
    return url


def forget(app: Celery, queue: str) -> None:
    """Delete a queue, and on Redis what the transport remembers of it."""
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        app.amqp.queues[queue](channel).delete()
        if connection.transport.driver_type == "redis":
            with redis.Redis.from_url(BROKERS["redis"]) as plain:
                plain.delete(*plain.keys(f"{queue}:*"))


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_attempts_arrive_once_at_a_worker_process(broker, pool, tmp_path):
    queue = f"pypeline-test-{uuid.uuid4().hex}"
    app = make_app(broker, queue)
    arrivals = tmp_path / "arrivals"
    arrivals.touch()

    with worker_process(broker, queue, arrivals, pool=pool):
        CeleryDispatcher(app).send([a_message(a_ref(item), queue=queue) for item in range(20)])
        wait_until(lambda: len(arrivals.read_text().splitlines()) >= 20, timeout=60)
    forget(app, queue)

    items = [int(line.split()[2]) for line in arrivals.read_text().splitlines()]
    assert sorted(items) == list(range(20))
