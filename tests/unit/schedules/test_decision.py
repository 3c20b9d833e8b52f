from __future__ import annotations

from datetime import timedelta

import pytest

from due_times import CREATED, scheduled, utc
from pypeline.schedules.decision import Decision, Occurrence, decide
from pypeline.schedules.schedule import Misfire, Overlap
from pypeline.schedules.timing import cron, interval, once

HOURLY = cron("0 * * * *")
EIGHT = utc("2026-05-01T08:00")
SKIPPED = "was due while no scheduler ran (misfire: {})"
STILL_GOING = "a run of it was still going (overlap: skip)"


def at(hour, minute=0):
    return EIGHT.replace(hour=hour, minute=minute)


def decided(schedule, now, *, next_at=EIGHT, is_going=False, **limits):
    return decide(schedule, created_at=CREATED, next_at=next_at, now=now, is_going=is_going, **limits)


def told(decision):
    return [(occurrence.due_at, occurrence.reason) for occurrence in decision.occurrences]


def test_nothing_is_due_before_its_time():
    assert decided(scheduled(HOURLY), EIGHT - timedelta(microseconds=1)) == Decision((), EIGHT)


@pytest.mark.parametrize("late", [0, 0.2, 60])
@pytest.mark.parametrize("misfire", Misfire)
def test_what_is_due_is_started_within_the_grace(misfire, late):
    schedule = scheduled(HOURLY, misfire=misfire, misfire_grace=60)

    decision = decided(schedule, EIGHT + timedelta(seconds=late))

    assert decision == Decision((Occurrence(EIGHT),), at(9))


def test_each_time_within_the_grace_is_started_oldest_first():
    schedule = scheduled(interval("20 seconds"), start_at="2026-05-01T08:00")

    decision = decided(schedule, EIGHT + timedelta(seconds=50))

    assert told(decision) == [(EIGHT + timedelta(seconds=seconds), None) for seconds in (0, 20, 40)]
    assert decision.next_at == EIGHT + timedelta(seconds=60)


def test_what_is_too_much_for_one_call_is_left_to_the_next():
    schedule = scheduled(interval("1 second"), start_at="2026-05-01T08:00")
    now = EIGHT + timedelta(seconds=6)

    first = decided(schedule, now, most=4)
    second = decided(schedule, now, next_at=first.next_at, most=4)

    assert [len(decision.occurrences) for decision in (first, second)] == [4, 3]
    assert first.next_at == EIGHT + timedelta(seconds=4)
    assert second.next_at == EIGHT + timedelta(seconds=7)


def test_skip_starts_no_misfire_and_records_the_latest():
    decision = decided(scheduled(HOURLY, misfire=Misfire.SKIP), at(11, 30))

    assert told(decision) == [(at(11), SKIPPED.format("skip"))]
    assert decision.next_at == at(12)


def test_skip_starts_what_is_due_in_time():
    decision = decided(scheduled(HOURLY, misfire=Misfire.SKIP), at(11))

    assert told(decision) == [(at(10), SKIPPED.format("skip")), (at(11), None)]


@pytest.mark.parametrize("misfire", [Misfire.SKIP, Misfire.LATEST])
def test_what_is_exactly_as_late_as_the_grace_is_no_misfire(misfire):
    decision = decided(scheduled(HOURLY, misfire=misfire, misfire_grace=3600), at(11))

    assert told(decision) == [(at(9), SKIPPED.format(misfire)), (at(10), None), (at(11), None)]


def test_latest_starts_the_latest_misfire():
    decision = decided(scheduled(HOURLY), at(11, 30))

    assert told(decision) == [(at(10), SKIPPED.format("latest")), (at(11), None)]
    assert decision.next_at == at(12)


def test_latest_has_nothing_to_leave_out_of_one_misfire():
    assert told(decided(scheduled(HOURLY), at(8, 30))) == [(EIGHT, None)]


def test_latest_starts_no_misfire_beside_what_is_due_in_time():
    decision = decided(scheduled(HOURLY), at(11))

    assert told(decision) == [(at(10), SKIPPED.format("latest")), (at(11), None)]


def test_all_starts_every_misfire_oldest_first():
    decision = decided(scheduled(HOURLY, misfire=Misfire.ALL), at(11, 30))

    assert told(decision) == [(at(hour), None) for hour in (8, 9, 10, 11)]
    assert decision.next_at == at(12)


def test_all_starts_the_newest_hundred_misfires():
    schedule = scheduled(HOURLY, misfire=Misfire.ALL)
    now = EIGHT + timedelta(hours=200, minutes=30)

    decision = decided(schedule, now, most=200)

    left_out, *started = told(decision)
    assert left_out == (EIGHT + timedelta(hours=100), SKIPPED.format("all"))
    assert started == [(EIGHT + timedelta(hours=hours), None) for hours in range(101, 201)]


def test_misfires_that_are_too_many_for_one_call_are_started_by_the_next():
    schedule = scheduled(HOURLY, misfire=Misfire.ALL)

    first = decided(schedule, at(13), most=4)
    second = decided(schedule, at(13), next_at=first.next_at, most=4)

    assert told(first) == [(at(hour), None) for hour in (8, 9, 10, 11)]
    assert told(second) == [(at(hour), None) for hour in (12, 13)]


def test_overlap_skip_starts_nothing_while_a_run_is_going():
    schedule = scheduled(HOURLY, overlap=Overlap.SKIP)

    assert told(decided(schedule, EIGHT, is_going=True)) == [(EIGHT, STILL_GOING)]
    assert told(decided(schedule, EIGHT, is_going=False)) == [(EIGHT, None)]


def test_overlap_skip_counts_what_the_same_call_starts():
    schedule = scheduled(HOURLY, overlap=Overlap.SKIP, misfire=Misfire.ALL)

    assert told(decided(schedule, at(10, 30))) == [(EIGHT, None), (at(9), STILL_GOING), (at(10), STILL_GOING)]


def test_overlap_allow_starts_beside_a_run_that_is_going():
    assert told(decided(scheduled(HOURLY), EIGHT, is_going=True)) == [(EIGHT, None)]


def test_what_comes_too_late_expires():
    schedule = scheduled(HOURLY, misfire=Misfire.ALL, expires=3600)

    decision = decided(schedule, at(10, 30))

    assert told(decision) == [
        (at(8), "expired: it was 9000.0 s late"),
        (at(9), "expired: it was 5400.0 s late"),
        (at(10), None),
    ]


def test_what_is_exactly_as_late_as_it_may_be_is_started():
    assert told(decided(scheduled(HOURLY, expires=30), EIGHT + timedelta(seconds=30))) == [(EIGHT, None)]


def test_what_has_expired_is_no_run_that_is_going():
    schedule = scheduled(HOURLY, misfire=Misfire.ALL, overlap=Overlap.SKIP, expires=3600)

    assert [reason for _, reason in told(decided(schedule, at(9, 30)))] == [
        "expired: it was 5400.0 s late",
        None,
    ]


def test_the_last_time_has_none_after_it():
    assert decided(scheduled(once("2026-05-01T08:00")), EIGHT) == Decision((Occurrence(EIGHT),), None)
    assert decided(scheduled(HOURLY, end_at="2026-05-01T08:59"), at(9)).next_at is None


def test_a_clock_that_steps_back_starts_nothing_again():
    schedule = scheduled(HOURLY)
    next_at = decided(schedule, at(8)).next_at

    assert decided(schedule, at(7), next_at=next_at) == Decision((), at(9))
    assert decided(schedule, at(8), next_at=next_at) == Decision((), at(9))


def test_a_clock_that_steps_forward_is_an_outage():
    schedule = scheduled(interval("10 minutes"), start_at="2026-05-01T08:00")
    next_at = decided(schedule, at(8)).next_at

    decision = decided(schedule, at(9, 5), next_at=next_at)

    assert told(decision) == [(at(8, 50), SKIPPED.format("latest")), (at(9), None)]


def test_a_next_time_that_is_due_no_more_starts_nothing():
    decision = decided(scheduled(cron("0 9 * * *")), at(8, 30))

    assert decision == Decision((), at(9))


def test_a_grace_and_an_expiry_beyond_all_counting_do_no_harm():
    schedule = scheduled(HOURLY, misfire_grace=1e300, expires=1e300)

    assert told(decided(schedule, at(10))) == [(at(hour), None) for hour in (8, 9, 10)]
