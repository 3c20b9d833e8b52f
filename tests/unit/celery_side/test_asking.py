"""What a child of a pool asks and tells beside its attempts."""

from __future__ import annotations

from pypeline.errors import DatabaseUnavailable
from pypeline.tasks.prefork.asking import ClaimReports, Flags

HOUR = 3600.0


class Answers:
    """A store in which these runs are flagged; and an engine that reports claims. Counts what it is asked."""

    def __init__(self, *flagged: str) -> None:
        self.flagged = {*flagged}
        self.asked = 0
        self.away = False

    def flagged_among(self, run_ids):
        self._count()
        return frozenset(self.flagged.intersection(run_ids))

    def report_claims(self):
        self._count()

    def _count(self):
        self.asked += 1
        if self.away:
            raise DatabaseUnavailable("postgresql://x", "gone")


def test_a_run_is_asked_about_once_in_an_interval():
    store = Answers()
    flags = Flags(store, interval=HOUR)

    assert [flags.is_flagged("a") for _ in range(5)] == [False] * 5
    assert store.asked == 1


def test_another_run_is_asked_about_at_once():
    flags = Flags(Answers("b"), interval=HOUR)

    assert [flags.is_flagged("a"), flags.is_flagged("b")] == [False, True]


def test_a_flagged_run_is_not_asked_about_again():
    store = Answers("a")
    flags = Flags(store, interval=0.0)

    assert [flags.is_flagged("a") for _ in range(3)] == [True] * 3
    assert store.asked == 1


def test_a_flag_that_is_set_later_is_learnt():
    store = Answers()
    flags = Flags(store, interval=0.0)
    flags.is_flagged("a")
    store.flagged.add("a")

    assert flags.is_flagged("a")


def test_a_handler_goes_on_while_nobody_can_be_asked():
    store = Answers("a")
    store.away = True

    assert not Flags(store).is_flagged("a")


def test_claims_are_reported_once_in_an_interval():
    engine = Answers()
    report = ClaimReports(engine, interval=HOUR)

    for _ in range(5):
        report()

    assert engine.asked == 1


def test_a_report_that_fails_is_no_failure_of_the_attempt():
    engine = Answers()
    engine.away = True
    report = ClaimReports(engine, interval=0.0)

    report()
    report()

    assert engine.asked == 2
