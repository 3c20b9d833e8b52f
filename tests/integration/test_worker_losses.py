"""Handlers that hang, children and workers that are killed: real processes, RabbitMQ and PostgreSQL."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from pypeline.runs.states import NodeState, RunState
from worker_shop import finished, in_state, node_of, open_shop, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.bootstrap import System
    from worker_shop import Shop


@pytest.fixture
def opened(tmp_path, postgres_url) -> Iterator[tuple[Shop, System]]:
    with open_shop(tmp_path, postgres_url) as (shop, system):
        yield shop, system


def test_a_handler_that_hangs_in_c_is_killed_at_its_hard_limit_and_times_out(opened):
    shop, system = opened
    shop.configure(retries=0, maxTtl=1)

    with shop.worker("-c", "1"), shop.system() as limited:
        run = limited.application.invoke("hang_in_c", {}, trigger="python")
        hung = shop.pid_of("hang_in_c")
        begun = time.monotonic()

        assert finished(system, run) is RunState.FAILED
        assert 5 < time.monotonic() - begun < 20
        assert node_of(system, run).error.message == "timed out after 1 s"
        wait_until(lambda: not psutil.pid_exists(hung), lambda: f"{hung} lives")


def test_a_handler_that_waits_is_interrupted_at_its_soft_limit(opened):
    shop, system = opened
    shop.configure(retries=0, maxTtl=0.5)

    with shop.worker("-c", "1"), shop.system() as limited:
        run = limited.application.invoke("wait_for_leave", {}, trigger="python")
        child = shop.pid_of("wait_for_leave")
        begun = time.monotonic()

        assert finished(system, run) is RunState.FAILED
        assert time.monotonic() - begun < 8  # before the hard limit
        assert psutil.pid_exists(child)


def test_a_child_that_is_killed_costs_its_node_one_attempt_within_seconds(opened):
    shop, system = opened
    shop.lease = 300.0

    with shop.worker("-c", "1"):
        run = system.application.invoke("wait_for_leave", {}, trigger="python")
        os.kill(shop.pid_of("wait_for_leave"), signal.SIGKILL)
        killed = time.monotonic()
        shop.pid_of("wait_for_leave", 2)
        recovered = time.monotonic() - killed
        shop.let_go()

        assert finished(system, run) is RunState.SUCCESS
        assert recovered < 15  # long before its lease
        [lost] = system.application.attempts(run)
        assert (lost.outcome, lost.error.type) == ("lost", "WorkerLost")
        assert "signal 9 (SIGKILL)" in lost.error.message
        assert node_of(system, run).tries == 1


def test_a_node_that_kills_each_of_its_children_fails_when_its_tries_are_over(opened):
    shop, system = opened
    shop.configure(retries=0)

    with shop.worker("-c", "1"), shop.system() as single:
        run = single.application.invoke("dies_once", {}, trigger="python")

        assert finished(system, run) is RunState.FAILED
        assert node_of(system, run).error.type == "WorkerLost"


def test_children_die_with_their_parent_and_another_worker_goes_on_when_the_lease_lapses(opened):
    shop, system = opened

    with shop.worker("-c", "1") as first, shop.worker("-c", "1") as second:
        run = system.application.invoke("wait_for_leave", {}, trigger="python")
        child = shop.pid_of("wait_for_leave")
        [loser] = [w for w in (first, second) if child in [p.pid for p in w.children()]]
        loser.signal(signal.SIGKILL)
        killed = time.monotonic()

        loser.wait()
        wait_until(lambda: not psutil.pid_exists(child), lambda: f"{child} outlives its parent", 3)
        shop.pid_of("wait_for_leave", 2)
        recovered = time.monotonic() - killed
        shop.let_go()
        assert finished(system, run) is RunState.SUCCESS
        assert recovered < shop.lease + 2
        [lost] = system.application.attempts(run)
        assert lost.error.message.startswith(f"worker {loser.id} gave no sign")


def test_a_handler_that_holds_the_gil_for_longer_than_a_lease_keeps_its_lease(opened):
    shop, system = opened

    with shop.worker("-c", "1"), shop.worker("-c", "1"):
        run = system.application.invoke("hold_the_gil", {"seconds": 2 * shop.lease}, trigger="python")

        assert finished(system, run) is RunState.SUCCESS
        assert (node_of(system, run).attempt, node_of(system, run).tries) == (1, 0)


def test_a_handler_that_does_not_listen_to_a_cancel_is_killed_after_its_grace(opened):
    shop, system = opened

    with shop.worker("-c", "1", PYPELINE_CANCEL_GRACE="1"):
        run = system.application.invoke("swallow", {}, trigger="python")
        child = shop.pid_of("swallow")
        system.application.cancel(run)
        begun = time.monotonic()

        assert finished(system, run) is RunState.CANCELLED
        assert 1 <= time.monotonic() - begun < 15
        assert node_of(system, run).state is NodeState.CANCELLED
        wait_until(lambda: not psutil.pid_exists(child), lambda: f"{child} lives")


def test_a_handler_hears_of_a_cancel_and_ends_by_itself(opened):
    shop, system = opened

    with shop.worker("-c", "1"):
        run = system.application.invoke("until_cancelled", {}, trigger="python")
        child = shop.pid_of("until_cancelled")
        system.application.cancel(run)

        assert in_state(system, run, NodeState.SUCCESS).result == '"heard"'
        assert psutil.pid_exists(child)


def test_a_handler_that_goes_on_past_the_deadline_of_its_run_is_killed(opened):
    shop, system = opened
    shop.configure(deadline=2)

    with shop.worker("-c", "1", PYPELINE_CANCEL_GRACE="1"), shop.system() as limited:
        run = limited.application.invoke("swallow", {}, trigger="python")

        assert finished(system, run) is RunState.FAILED
        assert system.application.run(run).error == "the deadline of the run has passed"
