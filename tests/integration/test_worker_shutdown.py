"""Workers that are told to end: what runs is finished or given back, and nobody is charged."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from pypeline.runs.states import NodeState, RunState
from worker_shop import finished, node_of, open_shop, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.bootstrap import System
    from worker_shop import Shop, Worker


@pytest.fixture
def opened(tmp_path, postgres_url) -> Iterator[tuple[Shop, System]]:
    # With a lease this long nothing but giving back moves a node within the test.
    with open_shop(tmp_path, postgres_url, lease=300.0) as (shop, system):
        yield shop, system


def is_known(system: System, worker: Worker) -> bool:
    return worker.id in [known.worker_id for known in system.store.workers(system.engine.identity.broker)]


def end_at_once(worker: Worker, number: int) -> None:
    """SIGQUIT, or what Ctrl-C sends, twice."""
    if number == signal.SIGINT:
        worker.signal(number)
        wait_until(lambda: "Hitting Ctrl+C again" in worker.text(), worker.text)
    worker.signal(number)


def test_sigterm_lets_what_runs_finish(opened):
    shop, system = opened

    with shop.worker("-c", "1") as worker:
        run = system.application.invoke("wait_for_leave", {}, trigger="python")
        shop.pid_of("wait_for_leave")
        wait_until(lambda: is_known(system, worker), lambda: "it does not beat")
        worker.signal(signal.SIGTERM)
        wait_until(lambda: "Warm shutdown" in worker.text(), worker.text)
        shop.let_go()

        assert worker.wait() == 0
        assert finished(system, run) is RunState.SUCCESS
        assert node_of(system, run).attempt == 1
        assert not is_known(system, worker)


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo", "gevent"])
def test_sigterm_gives_back_uncharged_what_does_not_finish_in_time(opened, pool):
    shop, system = opened

    with shop.worker("-c", "1", "-P", pool, PYPELINE_SHUTDOWN_GRACE="1") as worker:
        run = system.application.invoke("wait_for_leave", {}, trigger="python")
        process = shop.pid_of("wait_for_leave")
        begun = time.monotonic()
        worker.signal(signal.SIGTERM)

        assert worker.wait() == 0, worker.text()
        assert 1 <= time.monotonic() - begun < 10
        assert not psutil.pid_exists(process)
        assert not is_known(system, worker)
    with shop.worker("-c", "1"):
        shop.pid_of("wait_for_leave", 2)
        shop.let_go()
        assert finished(system, run) is RunState.SUCCESS
        assert (node_of(system, run).attempt, node_of(system, run).tries) == (2, 0)


@pytest.mark.parametrize("stuck", ["wait_for_leave", "hang_in_c"])
def test_sigquit_gives_back_at_once(opened, stuck):
    shop, system = opened

    with shop.worker("-c", "1") as worker:
        run = system.application.invoke(stuck, {}, trigger="python")
        process = shop.pid_of(stuck)
        worker.signal(signal.SIGQUIT)
        worker.wait()

        assert not psutil.pid_exists(process)
        wait_until(lambda: node_of(system, run).attempt == 2, lambda: str(node_of(system, run)))
        assert node_of(system, run).tries == 0
        assert not is_known(system, worker)


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGINT])
@pytest.mark.parametrize("pool", ["prefork", "threads", "solo", "gevent"])
def test_a_worker_that_is_to_end_at_once_gives_back_uncharged_and_ends_well(opened, pool, number):
    shop, system = opened

    with shop.worker("-c", "1", "-P", pool) as worker:
        run = system.application.invoke("wait_for_leave", {}, trigger="python")
        shop.pid_of("wait_for_leave")
        end_at_once(worker, number)

        assert worker.wait() == 0, worker.text()
        assert node_of(system, run).state is NodeState.QUEUED, worker.text()
        assert (node_of(system, run).attempt, node_of(system, run).tries) == (2, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_with_nothing_to_do_ends_well(opened, number):
    shop, _ = opened

    with shop.worker("-c", "1") as worker:
        worker.signal(number)

        assert worker.wait() == 0, worker.text()


def test_what_was_fetched_but_not_begun_is_another_workers(opened):
    shop, system = opened

    with shop.worker("-c", "1", PYPELINE_SHUTDOWN_GRACE="1") as worker:
        system.application.invoke("wait_for_leave", {}, trigger="python")
        shop.pid_of("wait_for_leave")
        fetched = system.application.invoke("one", {}, trigger="python")
        worker.signal(signal.SIGTERM)
        worker.wait()
    with shop.worker("-c", "2"):
        assert finished(system, fetched) is RunState.SUCCESS
        assert node_of(system, fetched).attempt == 1
