"""Every pool that Celery has runs nodes, and limits them as far as it can."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import psutil
import pytest

from pypeline.runs.states import RunState
from worker_shop import finished, node_of, open_shop, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.bootstrap import System
    from worker_shop import Shop


_RABBITMQ = 5672


@pytest.fixture
def opened(tmp_path, postgres_url) -> Iterator[tuple[Shop, System]]:
    with open_shop(tmp_path, postgres_url) as (shop, system):
        yield shop, system


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo", "gevent", "eventlet"])
def test_a_pool_runs_nodes_beats_and_ends_what_outlives_its_limit(opened, pool):
    if pool == "eventlet" and importlib.util.find_spec("eventlet") is None:
        pytest.skip("eventlet is not installed")
    shop, system = opened
    shop.configure(retries=0, maxTtl=1)

    with shop.worker("-P", pool, "-c", "2"), shop.system() as limited:
        run = system.application.invoke("sum", {}, trigger="python")
        endless = limited.application.invoke("wait_for_leave", {}, trigger="python")

        assert finished(system, run) is RunState.SUCCESS
        assert finished(system, endless) is RunState.FAILED
        assert node_of(system, endless).error.message == "timed out after 1 s"
        wait_until(lambda: _beats(system, shop, pool), lambda: str(_workers(system, shop)))


@pytest.mark.parametrize("pool", ["gevent", "eventlet"])
def test_greenlets_that_send_share_their_connections(opened, pool):
    if pool == "eventlet" and importlib.util.find_spec("eventlet") is None:
        pytest.skip("eventlet is not installed")
    shop, system = opened

    with shop.worker("-P", pool, "-c", "2") as worker:
        process = psutil.Process(worker.process.pid)
        assert finished(system, system.application.invoke("sum", {}, trigger="python")) is RunState.SUCCESS
        before = _to_broker(process)
        runs = [system.application.invoke("sum", {}, trigger="python") for _ in range(20)]
        states = {finished(system, run) for run in runs}
        after = _to_broker(process)

        assert states == {RunState.SUCCESS}
        assert after <= before + 1  # at most two greenlets send at once
        assert "Exception ignored" not in worker.text()


def _to_broker(process: psutil.Process) -> int:
    """The connections that a worker has to RabbitMQ."""
    return sum(bool(each.raddr) and each.raddr.port == _RABBITMQ for each in process.net_connections())


def _beats(system: System, shop: Shop, pool: str) -> bool:
    return [(worker.pool, worker.queues) for worker in _workers(system, shop)] == [(pool, (shop.queue,))]


def _workers(system: System, shop: Shop) -> list:
    every = system.store.workers(system.engine.identity.broker)
    return [worker for worker in every if worker.app == shop.queue]
