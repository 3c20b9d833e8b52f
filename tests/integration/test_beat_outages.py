"""A database or a broker that is away, at the start of a scheduler or later."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from beat_shop import beat, lateness, missing, schedule, until_fired
from pypeline.runs.states import RunState
from services import free_port, private_postgres
from worker_shop import open_shop, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.bootstrap import System
    from services import PrivatePostgres
    from worker_shop import Shop

WAITS = "the scheduler waits, and tries again: database "
AGAIN = "the scheduler works again"


@pytest.fixture
def opened(tmp_path, postgres_url) -> Iterator[tuple[Shop, System]]:
    with open_shop(tmp_path, postgres_url) as (shop, system):
        yield shop, system


@pytest.fixture
def own_server() -> Iterator[PrivatePostgres]:
    with private_postgres() as server:
        yield server


def test_a_database_that_goes_away_is_waited_for_and_no_occurrence_is_lost(tmp_path, own_server):
    with open_shop(tmp_path, f"{own_server.url}/postgres") as (shop, system):
        schedule(shop, system)
        own_server.stop()
        with beat(shop, ready=False) as scheduler:
            wait_until(lambda: WAITS in scheduler.text(), scheduler.text)
            own_server.start()
            until_fired(system, 3)
            own_server.stop()
            wait_until(lambda: scheduler.text().count(WAITS) == 2, scheduler.text)
            own_server.start()
            occurrences = until_fired(system, 10)

    assert not missing(occurrences)
    assert scheduler.text().count(WAITS) == scheduler.text().count(AGAIN) == 2
    assert len({one.run_id for one in occurrences}) == len(occurrences)


def test_a_broker_that_refuses_holds_up_no_occurrence(opened):
    shop, system = opened
    schedule(shop, system)

    with beat(shop, PYPELINE_BROKER_URL=f"amqp://127.0.0.1:{free_port()}//") as scheduler:
        occurrences = until_fired(system, 10)

    assert not missing(occurrences)
    assert {system.application.state(one.run_id) for one in occurrences} == {RunState.PENDING}
    assert scheduler.text().count("the broker does not answer: ") == 1


def test_a_broker_that_says_nothing_makes_no_occurrence_late(opened):
    shop, system = opened
    schedule(shop, system)

    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"amqp://127.0.0.1:{mute.getsockname()[1]}//"
        with beat(shop, PYPELINE_BROKER_URL=url):
            occurrences = until_fired(system, 30)

    assert not missing(occurrences)
    assert max(lateness(occurrences)) < 4
