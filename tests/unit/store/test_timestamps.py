from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypeline.store.timestamps import format_time, parse_time, shift_time

FIRST = datetime(1900, 1, 1, tzinfo=UTC)
MOMENTS = st.timedeltas(timedelta(), timedelta(days=365_000)).map(lambda since: FIRST + since)


def test_a_time_is_written_in_utc_with_microseconds():
    noon_in_delhi = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))

    assert format_time(noon_in_delhi) == "2026-01-01T06:30:00.000000Z"


@given(MOMENTS)
def test_a_time_comes_back_as_it_was(moment):
    assert parse_time(format_time(moment)) == moment
    assert parse_time(format_time(moment)).utcoffset() == timedelta(0)


@given(MOMENTS, MOMENTS)
def test_the_order_of_texts_is_the_order_of_times(one, other):
    assert (format_time(one) < format_time(other)) == (one < other)


@given(MOMENTS, st.floats(-1e6, 1e6))
def test_a_time_is_shifted_by_seconds(moment, seconds):
    shifted = shift_time(format_time(moment), seconds)

    assert parse_time(shifted) == moment + timedelta(seconds=seconds)


@pytest.mark.parametrize(("text", "seconds"), [(None, 1.0), ("2026-01-01T00:00:00.000000Z", None)])
def test_nothing_stays_nothing(text, seconds):
    assert shift_time(text, seconds) is None
