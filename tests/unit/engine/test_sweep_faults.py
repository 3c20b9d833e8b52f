"""One bad run holds up no other."""

import logging
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from pypeline.engine.sweep import Sweeper
from pypeline.errors import DatabaseUnavailable
from pypeline.store.records import AttemptRef, Claim

BAD, GOOD = "bad", "good"


class Store:
    """Two runs have each lost an attempt; nothing else is to be mended."""

    def begin_sweep(self, broker, *, interval, lease):
        return True

    def lapsed(self, broker, *, limit):
        return [(Claim(AttemptRef(run, 0, -1, 1), "t", 0, datetime.now(UTC)), "w") for run in (BAD, GOOD)]

    def overdue(self, broker, *, limit):
        return []

    flagged = with_room = queue_due = overdue

    def requeue_unclaimed(self, broker, *, margin, grace, limit):
        return []


class Engine:
    """Its plan of the bad run cannot be compiled."""

    lease = 4.0
    identity = SimpleNamespace(broker="b")

    def __init__(self, fault):
        self.store = Store()
        self.plans = SimpleNamespace(of_run=self._plan)
        self.lost = []
        self._fault = fault

    def _plan(self, run_id):
        if run_id == BAD:
            raise self._fault
        return "plan"

    def lose(self, plan, claim, error):
        self.lost.append(claim.ref.run_id)
        return 0.5


def test_a_run_that_cannot_be_mended_is_left_out_and_told_of_once(caplog):
    engine = Engine(ValueError("a broken definition"))
    sweeper = Sweeper(engine)

    with caplog.at_level(logging.INFO, "pypeline.engine.sweep"):
        reports = [sweeper.sweep(), sweeper.sweep()]

    assert engine.lost == [GOOD, GOOD]
    assert [report.lost for report in reports] == [1, 1]
    assert len(caplog.records) == 1


def test_a_database_that_goes_away_ends_the_pass():
    with pytest.raises(DatabaseUnavailable):
        Sweeper(Engine(DatabaseUnavailable("postgresql://x", "gone"))).sweep()


def test_who_waits_for_it_hears_when_a_lost_attempt_is_due_again():
    sweeper = Sweeper(Engine(ValueError("a broken definition")))
    told = []
    sweeper.on_delay = told.append

    sweeper.sweep()

    assert told == [0.5]
