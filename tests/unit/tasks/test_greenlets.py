"""Time limits by the timers of gevent."""

import pytest

from pypeline.runs.outcome import Failed
from pypeline.tasks.attempts.failures import outcome_of
from pypeline.tasks.limits.greenlets import GreenLimits
from pypeline.tasks.limits.timeouts import HardTimeLimit, SoftTimeLimit

gevent = pytest.importorskip("gevent", reason="gevent is not installed (pip install pypeline[web])")

SOON = 0.02
FOREVER = 30.0


def test_a_function_within_its_limit_returns_its_value():
    assert GreenLimits("gevent").run(lambda _: "done", limit=FOREVER, subject="a") == "done"


def test_a_function_that_waits_past_its_limit_is_interrupted():
    with pytest.raises(SoftTimeLimit):
        GreenLimits("gevent").run(lambda _: gevent.sleep(FOREVER), limit=SOON, subject="a")


def test_a_function_that_swallows_its_limit_meets_one_that_no_except_exception_catches():
    def stubborn(_):
        while True:
            try:
                gevent.sleep(FOREVER)
            except Exception:  # noqa: BLE001 - as stubborn handlers do
                continue

    with pytest.raises(HardTimeLimit) as caught:
        GreenLimits("gevent", grace=SOON).run(stubborn, limit=SOON, subject="a")

    outcome = outcome_of(caught.value, max_ttl=SOON)
    assert isinstance(outcome, Failed)
    assert outcome.error.type == "TimeLimitExceeded"
