"""Handlers that a worker cannot import, or does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pypeline.runs.states import NodeState, RunState
from worker_shop import finished, in_state, node_of, open_shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.bootstrap import System
    from worker_shop import Shop


@pytest.fixture
def opened(tmp_path, postgres_url) -> Iterator[tuple[Shop, System]]:
    with open_shop(tmp_path, postgres_url) as (shop, system):
        yield shop, system


def test_a_node_whose_handler_vanished_waits_with_the_reason_and_goes_on_when_it_is_back(opened):
    shop, system = opened
    shop.configure(handlers=("add",))  # what `system` has read stays

    with shop.worker("-c", "1", WORKER_NAME="shop-worker") as worker:
        run = system.application.invoke("one", {}, trigger="python")
        waiting = in_state(system, run, NodeState.RETRYING)
        assert waiting.error.message == (
            f"handler {shop.module}.one is not among the registeredTasks of worker shop-worker"
        )
        assert "NotRegistered" not in worker.text()
    shop.configure()
    with shop.worker("-c", "1", WORKER_NAME="shop-worker"):
        assert finished(system, run) is RunState.SUCCESS
        assert node_of(system, run).tries == 0


def test_a_handler_that_cannot_be_imported_stops_the_worker_and_says_where(opened):
    shop, _ = opened
    (shop.folder / f"{shop.module}.py").write_text("import nothing_of_the_kind\n")

    with shop.worker("-c", "1", ready=False) as worker:
        assert worker.wait() == 2

    said = worker.text()
    assert f'{shop.module}.py", line 1, in <module>' in said
    assert "ModuleNotFoundError: No module named 'nothing_of_the_kind'" in said
    place = "sermos.yaml:4:18: serviceConfig[0].registeredTasks[0].handler"
    assert f"{place}: the handler `{shop.module}.one` cannot be used" in said


def test_a_worker_of_an_unknown_service_says_which_there_are(opened):
    shop, _ = opened

    with shop.worker("-c", "1", ready=False, WORKER_NAME="stranger") as worker:
        assert worker.wait() != 0

    assert "WORKER_NAME: there is no service 'stranger'; the file has: shop-worker" in worker.text()
