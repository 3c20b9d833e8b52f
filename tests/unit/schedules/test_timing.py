from __future__ import annotations

import pytest

from pypeline.schedules.timing import BadTiming, Timing, TimingKind, cron, crontab, interval, once, values_of


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("5 seconds", "5 seconds"),
        ("1 second", "1 seconds"),
        ("30s", "30 seconds"),
        (" 10  Min ", "10 minutes"),
        ("2 h", "2 hours"),
        ("1 day", "1 days"),
        ("007 days", "7 days"),
        ("100000 microseconds", "100000 microseconds"),
        ("36500 days", "36500 days"),
    ],
)
def test_an_interval_is_a_number_and_a_unit(text, canonical):
    assert interval(text) == Timing(TimingKind.INTERVAL, canonical)


@pytest.mark.parametrize(
    "text", ["", "5", "seconds", "0.5 seconds", "-5 seconds", "5 parsecs", "5 s s", "\u0665 s"]
)
def test_what_is_no_interval_says_how_one_is_written(text):
    with pytest.raises(BadTiming, match=r"is no interval, write a whole number and a unit .* `30 seconds`"):
        interval(text)


@pytest.mark.parametrize("text", ["0 days", "99999 microseconds"])
def test_an_interval_is_at_least_a_tenth_of_a_second(text):
    with pytest.raises(BadTiming, match="too short, make it at least 100000 microseconds"):
        interval(text)


@pytest.mark.parametrize("text", ["36501 days", "999999999999999999 days", "3153600001 seconds"])
def test_an_interval_is_at_most_a_century(text):
    with pytest.raises(BadTiming, match="too long, make it at most 36500 days"):
        interval(text)


def test_a_crontab_is_kept_as_it_was_written():
    timing = crontab("*/15", "22-2, 4", "1-7", "dec-FEB", "Mon")

    assert timing == Timing(TimingKind.CRONTAB, "*/15 22-2,4 1-7 dec-feb mon")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"minute": "60"}, "minute: '60' is not within 0 to 59"),
        ({"hour": "1 2"}, "hour: '1 2' is no crontab value"),
        ({"day_of_week": "7"}, "dayOfWeek: '7' is not within 0 to 6"),
        ({"month_of_year": ""}, "monthOfYear: '' is no crontab value"),
        ({"minute": "9" * 5000}, "is no crontab value"),
        ({"day_of_month": "30", "month_of_year": "2"}, "none of its days is in any of its months"),
    ],
)
def test_a_bad_crontab_names_its_field(fields, words):
    with pytest.raises(BadTiming, match=words):
        crontab(**fields)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (" 0  2 * *   MON ", "0 2 * * mon"),
        ("*/5 8-18 1,15 jan-jun 1-5", "*/5 8-18 1,15 jan-jun 1-5"),
        ("0 0 * * 7", "0 0 * * 7"),
        ("@daily", "0 0 * * *"),
        ("@Midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
    ],
)
def test_a_cron_has_five_fields_or_a_word_for_them(text, canonical):
    assert cron(text) == Timing(TimingKind.CRON, canonical)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has 0 fields, write minute, hour, day of month, month and day of week"),
        ("* * * *", "has 4 fields"),
        ("0 0 2 * * *", "has 6 fields"),
        ("@reboot", "'@reboot' names no times, write five fields or one of @yearly"),
        ("0 24 * * *", "hour: '24' is not within 0 to 23"),
        ("0 0 * * 8", "day of week: '8' is not within 0 to 7"),
        ("mon 0 * * *", "minute: 'mon' is not within 0 to 59"),
        ("0 0 * mon *", "month: 'mon' is not within 1 to 12"),
        ("0 0 L * *", "day of month: 'l' is not within 1 to 31"),
        ("5/15 * * * *", "minute: '5/15' steps from one value, write `5-59/15`$"),
        ("? * * * *", r"minute: '\?' is no crontab value, write `\*`, `5`, [^:]* or a list of them$"),
        ("0 0 * * monkey", "day of week: 'monkey' is not within 0 to 7"),
        ("0 0 * janet *", "month: 'janet' is not within 1 to 12"),
        ("0 0 31 apr,jun *", "none of its days is in any of its months"),
        ("0 0 30 2 */2", "none of its days is in any of its months"),
    ],
)
def test_a_bad_cron_says_what_is_wrong(text, words):
    with pytest.raises(BadTiming, match=words):
        cron(text)


def test_a_cron_has_names_in_full_too():
    assert values_of(cron("0 0 * January-mar Sunday"))[3:] == [{1, 2, 3}, {0}]


def test_a_day_that_no_month_has_is_fine_beside_a_day_of_the_week():
    assert cron("0 0 31 2 mon").text == "0 0 31 2 mon"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2026-05-01T08:00", "2026-05-01T08:00"),
        ("2026-05-01 08:00:00", "2026-05-01T08:00"),
        ("2026-05-01", "2026-05-01T00:00"),
        ("2026-05-01T08:00:07.25", "2026-05-01T08:00:07.250000"),
        ("2026-05-01T08:00Z", "2026-05-01T08:00+00:00"),
        ("2026-05-01T08:00+02:00", "2026-05-01T08:00+02:00"),
    ],
)
def test_once_is_an_iso_time(text, canonical):
    assert once(text) == Timing(TimingKind.ONCE, canonical)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-02-30T08:00", "08:00"])
def test_what_is_no_time_says_how_one_is_written(text):
    with pytest.raises(BadTiming, match="is no time, write it as 2026-05-01T08:00"):
        once(text)


@pytest.mark.parametrize("timing", [interval("5 seconds"), cron("0 2 * * mon"), once("2026-05-01T08:00")])
def test_canonical_text_is_read_as_itself(timing):
    parse = {TimingKind.INTERVAL: interval, TimingKind.CRON: cron, TimingKind.ONCE: once}[timing.kind]

    assert parse(timing.text) == timing


def test_people_read_a_timing():
    assert str(interval("5 s")) == "every 5 seconds"
    assert str(cron("@daily")) == "0 0 * * *"
