from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypeline.cli import words

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0ms"),
        (0, "0ms"),
        (0.4124, "412ms"),
        (0.9996, "1.0s"),
        (3.14, "3.1s"),
        (59.94, "59.9s"),
        (59.96, "1m 0s"),
        (446, "7m 26s"),
        (3599.6, "1h 0m"),
        (22320, "6h 12m"),
        (187200, "2d 4h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds, shown):
    assert words.duration(seconds) == shown


@given(st.floats(min_value=0, max_value=1e9))
def test_no_duration_is_wide(seconds):
    assert len(words.duration(seconds)) <= 10


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "now"), (0.2, "now"), (12, "12s ago"), (250, "4m ago"), (7300, "2h ago"), (180000, "2d ago")],
)
def test_a_time_is_told_by_its_distance(seconds, shown):
    assert words.ago(NOON - timedelta(seconds=seconds), now=NOON) == shown


def test_what_has_not_started_took_no_time():
    assert words.took(None, None, now=NOON) == ""
    assert words.took(NOON, None) == ""


def test_what_runs_is_measured_until_now():
    assert words.took(NOON, None, now=NOON + timedelta(seconds=2)) == "2.0s"


@pytest.mark.parametrize(
    ("number", "word", "shown"),
    [(1, "node", "1 node"), (0, "node", "0 nodes"), (2000, "retry", "2,000 retries")],
)
def test_counts_agree_with_their_words(number, word, shown):
    assert words.counted(number, word) == shown


@given(st.text(), st.integers(1, 80))
def test_shortened_text_is_one_line_within_its_limit(text, limit):
    shown = words.shortened(text, limit)

    assert len(shown) <= limit
    assert "\n" not in shown


def test_a_cut_shows_an_ellipsis():
    assert words.shortened("abcdef", 4) == "abc…"


def test_a_long_list_is_written_only_as_far_as_it_is_shown():
    assert words.compact(list(range(1_000_000)), limit=10) == "[0, 1, 2,…"


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30), ("0.5", 0.5), ("90s", 90), ("5m", 300), ("2h", 7200)]
)
def test_a_wait_is_in_seconds_or_has_a_unit(text, seconds):
    assert words.seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "soon", "5 parsecs"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="is no duration"):
        words.seconds_of(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90m", 5400), ("12h", 43_200), ("30d", 2_592_000), ("2w", 1_209_600), (" 1D ", 86_400)],
)
def test_an_age_is_a_number_with_its_unit(text, seconds):
    assert words.age_of(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "0d", "-1d", "1.5d", "3 days", "1y", "d", "99999999d"])
def test_what_is_no_age_is_refused_with_examples(text):
    with pytest.raises(ValueError, match="such as 90m, 12h, 30d or 2w"):
        words.age_of(text)
