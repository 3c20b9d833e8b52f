"""Whatever the clock does: each due time is settled once, and none is lost but by a policy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile

from hypothesis import given
from hypothesis import strategies as st

from due_times import chain, scheduled
from pypeline.schedules.decision import decide
from pypeline.schedules.schedule import Misfire, Overlap
from pypeline.schedules.timing import cron, crontab, interval, once

# The night in which the clocks of Berlin go back, and the one in which they go forward.
STARTS = st.sampled_from([datetime(2026, 10, 24, 21, tzinfo=UTC), datetime(2026, 3, 28, 21, tzinfo=UTC)])
TIMINGS = st.sampled_from(
    [
        interval("7 seconds"),
        interval("10 minutes"),
        cron("* * * * *"),
        cron("*/20 * * * *"),
        cron("30 2 * * *"),
        crontab("0,30", "1-3"),
        once("2026-10-25T02:30"),
    ]
)
SCHEDULES = st.builds(
    lambda timing, **said: scheduled(timing, "Europe/Berlin", **said),
    TIMINGS,
    misfire=st.sampled_from(Misfire),
    misfire_grace=st.sampled_from([0.0, 5.0, 60.0, 3600.0]),
    overlap=st.sampled_from(Overlap),
    expires=st.sampled_from([None, 1.0, 90.0]),
    end_at=st.sampled_from([None, "2026-10-25T02:45"]),
)
# How far the clock has gone from one tick to the next: on time, an outage, a step forward, a step back.
HOUR = timedelta(hours=1)
TICKS = st.lists(
    st.one_of(
        st.timedeltas(timedelta(), timedelta(seconds=30)),
        st.timedeltas(timedelta(), timedelta(hours=9)),
        st.sampled_from([HOUR, -HOUR, timedelta()]),
    ),
    min_size=1,
    max_size=12,
)


def ticks(schedule, start, steps, *, most):
    """Every decision of a scheduler whose clock goes by these steps, with the moment it was made at."""
    next_at = next(chain(schedule, start, created_at=start), None)
    now = start
    for step in steps:
        now += step
        # What is too much for one call is left to the next, as often as it takes.
        is_settled = next_at is None
        while not is_settled:
            decision = decide(schedule, created_at=start, next_at=next_at, now=now, is_going=False, most=most)
            yield now, next_at, decision
            next_at = decision.next_at
            is_settled = next_at is None or next_at > now


def due_between(schedule, start, first, last):
    times = chain(schedule, first - timedelta.resolution, created_at=start)
    return list(takewhile(lambda due: due <= last, times))


@given(SCHEDULES, STARTS, TICKS, st.sampled_from([1, 7, 100]))
def test_each_due_time_is_settled_once(schedule, start, steps, most):
    decisions = [decision for _, _, decision in ticks(schedule, start, steps, most=most)]

    settled = [occurrence.due_at for decision in decisions for occurrence in decision.occurrences]
    assert settled == sorted(set(settled))
    assert all(len(decision.occurrences) <= most + 1 for decision in decisions)


@given(SCHEDULES, STARTS, TICKS)
def test_the_next_time_moves_forward_and_is_the_first_that_is_not_settled(schedule, start, steps):
    for now, next_at, decision in ticks(schedule, start, steps, most=100):
        if now < next_at:
            assert decision.next_at == next_at
        else:
            last = decision.occurrences[-1].due_at
            following = next(chain(schedule, last, created_at=start), None)
            assert last >= next_at
            assert decision.next_at == following


@given(SCHEDULES, STARTS, TICKS, st.booleans())
def test_what_is_settled_is_what_the_policy_says_of_all_that_was_due(schedule, start, steps, is_going):
    for now, next_at, _ in ticks(schedule, start, steps, most=10_000):
        due = due_between(schedule, start, next_at, now)
        late = [time for time in due if (now - time).total_seconds() > schedule.misfire_grace]
        in_time = due[len(late) :]
        kept = {Misfire.SKIP: 0, Misfire.LATEST: 0 if in_time else 1, Misfire.ALL: 100}[schedule.misfire]
        left_out, misfires = late[: max(len(late) - kept, 0)], late[max(len(late) - kept, 0) :]

        decision = decide(
            schedule, created_at=start, next_at=next_at, now=now, is_going=is_going, most=10_000
        )

        recorded = [occurrence.due_at for occurrence in decision.occurrences]
        assert recorded == left_out[-1:] + misfires + in_time


@given(SCHEDULES, STARTS, TICKS, st.booleans())
def test_nothing_is_started_that_has_expired_or_overlaps(schedule, start, steps, is_going):
    for now, next_at, _ in ticks(schedule, start, steps, most=100):
        decision = decide(schedule, created_at=start, next_at=next_at, now=now, is_going=is_going)

        started = [occurrence.due_at for occurrence in decision.occurrences if occurrence.reason is None]
        if schedule.overlap is Overlap.SKIP:
            assert len(started) <= (0 if is_going else 1)
        if schedule.expires is not None:
            assert all((now - due_at).total_seconds() <= schedule.expires for due_at in started)


@given(STARTS, TICKS)
def test_a_clock_that_steps_by_an_hour_loses_nothing_that_a_grace_covers(start, steps):
    schedule = scheduled(interval("10 minutes"), misfire_grace=24 * 3600 * 30)
    decisions = [decision for _, _, decision in ticks(schedule, start, steps, most=100)]

    started = [occurrence.due_at for decision in decisions for occurrence in decision.occurrences]

    assert all(later - earlier == timedelta(minutes=10) for earlier, later in pairwise(started))
    moments = [start]
    for step in steps:
        moments.append(moments[-1] + step)
    assert started == due_between(schedule, start, start, max(moments))
    assert all(occurrence.reason is None for decision in decisions for occurrence in decision.occurrences)
