"""The thread that beats and sweeps."""

from __future__ import annotations

import logging
import threading
import time

from celery_fakes import wait_until
from pypeline.tasks.workers.upkeep import Upkeep


class Duty:
    """Counts its calls; raises what ``faults`` yields."""

    def __init__(self, *faults: Exception | None) -> None:
        self.calls = 0
        self.times: list[float] = []
        self._faults = iter(faults)

    def __call__(self) -> None:
        self.calls += 1
        self.times.append(time.monotonic())
        fault = next(self._faults, None)
        if fault is not None:
            raise fault


def test_every_duty_is_done_in_every_round():
    beat, sweep = Duty(), Duty()

    with Upkeep(beat, sweep, interval=0.01):
        wait_until(lambda: beat.calls >= 3 and sweep.calls >= 3)

    assert abs(beat.calls - sweep.calls) <= 1


def test_a_duty_that_raises_is_done_again_and_hinders_no_other():
    beat, sweep = Duty(OSError("gone"), ValueError("odd")), Duty()

    with Upkeep(beat, sweep, interval=0.01):
        wait_until(lambda: beat.calls >= 4)

    assert sweep.calls >= 3


def test_the_same_kind_of_fault_is_told_once(caplog):
    faults = [OSError("gone")] * 3 + [ValueError("odd"), None]
    beat = Duty(*faults)

    with caplog.at_level(logging.INFO, "pypeline.tasks.workers.upkeep"), Upkeep(beat, interval=0.001):
        wait_until(lambda: beat.calls > len(faults))

    told = [record.getMessage() for record in caplog.records]
    assert len([line for line in told if "OSError" in line]) == 1
    assert len([line for line in told if "ValueError" in line]) == 1
    assert told[-1].endswith("works again")


def test_the_pauses_grow_while_a_duty_fails():
    beat = Duty(*[OSError("gone")] * 4)

    with Upkeep(beat, interval=0.02):
        wait_until(lambda: beat.calls >= 4)

    pauses = [later - sooner for sooner, later in zip(beat.times, beat.times[1:], strict=False)]
    assert pauses[2] > 2 * pauses[0]


def test_it_stops_at_once_in_the_middle_of_a_pause():
    upkeep = Upkeep(Duty(), interval=60)
    upkeep.start()

    begun = time.monotonic()
    upkeep.stop()

    assert time.monotonic() - begun < 30
    assert not any(thread.name == "pypeline-upkeep" for thread in threading.enumerate())


def test_what_is_expected_soon_gets_a_round_of_its_own():
    sweep = Duty()

    with Upkeep(sweep, interval=60) as upkeep:
        wait_until(lambda: sweep.calls == 1)
        asked = time.monotonic()
        upkeep.expect(0.2)
        wait_until(lambda: sweep.calls == 2)

    assert 0.2 <= sweep.times[1] - asked < 1


def test_many_that_are_due_together_need_few_rounds():
    sweep = Duty()

    with Upkeep(sweep, interval=60) as upkeep:
        wait_until(lambda: sweep.calls == 1)
        for _ in range(1000):
            upkeep.expect(0.1)
        upkeep.expect(0.3)
        wait_until(lambda: sweep.calls >= 3)

    assert sweep.calls <= 6


def test_what_is_due_in_an_hour_is_left_to_the_regular_rounds():
    upkeep = Upkeep(Duty(), interval=60)

    upkeep.expect(3600)

    assert not upkeep._early
