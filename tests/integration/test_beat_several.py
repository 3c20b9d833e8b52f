"""Two schedulers at once, and one of them killed."""

from __future__ import annotations

import signal
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from beat_shop import beat, beat_ids, history, lateness, missing, schedule, until_fired
from pypeline.runs.states import RunState
from pypeline.store.records import RunFilter
from worker_shop import finished, open_shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.bootstrap import System
    from worker_shop import Shop

SECOND = timedelta(seconds=1)
NAMES = [f"often-{number}" for number in range(10)]


@pytest.fixture
def opened(tmp_path, postgres_url) -> Iterator[tuple[Shop, System]]:
    with open_shop(tmp_path, postgres_url) as (shop, system):
        yield shop, system


def test_every_occurrence_fires_once_though_one_of_two_is_killed_and_comes_back(opened):
    shop, system = opened

    with shop.worker("-P", "threads", "-c", "4"), beat(shop), beat(shop) as victim:
        for name in NAMES:
            schedule(shop, system, name, every="1 second")
        until_fired(system, 2, NAMES[-1])
        assert len(beat_ids(system)) == 2
        victim.signal(signal.SIGKILL)
        victim.wait()
        until_fired(system, 2, NAMES[-1])
        with beat(shop):
            until_fired(system, 2, NAMES[-1])
        for name in NAMES:
            system.application.schedules.disable(name)
        settled = {name: history(system, name) for name in NAMES}
        states = Counter(finished(system, one.run_id) for fired in settled.values() for one in fired)

    assert set(states) == {RunState.SUCCESS}
    assert not [gap for fired in settled.values() for gap in missing(fired, SECOND)]
    assert len(system.application.runs(RunFilter(limit=500))) == states.total()
    assert max(late for fired in settled.values() for late in lateness(fired)) < 5
