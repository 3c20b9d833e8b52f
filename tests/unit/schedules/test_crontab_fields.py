from __future__ import annotations

import re

import pytest
from celery.schedules import ParseException, crontab_parser
from hypothesis import assume, given
from hypothesis import strategies as st

from pypeline.schedules.crontab import FIELDS, BadCrontab, check_days, parse_field

_CELERY = {
    "minute": crontab_parser(60),
    "hour": crontab_parser(24),
    "dayOfWeek": crontab_parser(7),
    "dayOfMonth": crontab_parser(31, 1),
    "monthOfYear": crontab_parser(12, 1),
}
_NUMBER = st.one_of(st.integers(0, 70).map(str), st.sampled_from(["sun", "Friday", "jan", "December", "xyz"]))
_RANGE = st.one_of(st.just("*"), _NUMBER, st.builds("{}-{}".format, _NUMBER, _NUMBER))
_PART = st.one_of(
    _RANGE, st.builds("{}/{}".format, _RANGE, st.sampled_from(["", "0", "1", "2", "7", "15", "x"]))
)
_SPEC = st.lists(_PART, min_size=1, max_size=3).map(",".join)


@given(
    text=st.one_of(_SPEC, st.sampled_from(["", ",", "*,", "-5", "1-", "a b", "**", "/2"])),
    field=st.sampled_from(sorted(FIELDS)),
)
def test_a_field_means_what_it_means_to_celery(text, field):
    # Celery looks at the first three letters only, and so takes `sun/2` for `sun`.
    assume(not re.search(r"(^|,)[a-z]+/", text, re.IGNORECASE))
    try:
        expected = frozenset(_CELERY[field].parse(text))
    except (ParseException, ValueError, IndexError):
        with pytest.raises(BadCrontab):
            parse_field(text, field)
    else:
        assert parse_field(text, field) == expected


@pytest.mark.parametrize(
    ("text", "field", "values"),
    [
        ("*/15", "minute", {0, 15, 30, 45}),
        ("22-2", "hour", {22, 23, 0, 1, 2}),
        ("mon-fri", "dayOfWeek", {1, 2, 3, 4, 5}),
        ("1-7/3, 31", "dayOfMonth", {1, 4, 7, 31}),
        ("dec-feb", "monthOfYear", {12, 1, 2}),
    ],
)
def test_lists_ranges_steps_and_names_are_understood(text, field, values):
    assert parse_field(text, field) == values


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ("60", "minute", "not within 0 to 59"),
        ("0", "dayOfMonth", "not within 1 to 31"),
        ("5/2", "hour", r"'5/2' steps from one value, write `5-23/2`$"),
        ("noday", "dayOfWeek", "'noday' is not within 0 to 6"),
        ("*/0", "hour", "no step from 1 up"),
        ("1-5-7", "hour", "no crontab value"),
    ],
)
def test_a_bad_field_says_what_is_allowed(text, field, words):
    with pytest.raises(BadCrontab, match=words):
        parse_field(text, field)


def test_a_day_that_no_month_has_is_refused():
    with pytest.raises(BadCrontab, match="none of its days"):
        check_days(frozenset({30, 31}), frozenset({2}))


def test_the_29th_of_february_is_a_day():
    assert check_days(frozenset({29}), frozenset({2})) is None
