"""What a node that lists files takes from the payload."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypeline.runs.listing import Bucket, Listing, UnusablePayload, filled_in, number_of

NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True)
TEXTS = st.text(max_size=12) | st.sampled_from(["${HOME}", "${payload.a}", "\\1", "$", "{}", "../x"])
PLAIN = st.text(st.characters(exclude_characters="$"), max_size=12)


def deep(path, value):
    for name in reversed(path):
        value = {name: value}
    return value


@given(st.lists(NAMES, min_size=1, max_size=4), TEXTS | st.integers(), PLAIN, PLAIN)
def test_a_reference_becomes_the_value_at_its_path_and_nothing_else_changes(path, value, before, after):
    text = f"{before}${{payload.{'.'.join(path)}}}{after}"

    assert filled_in(text, deep(path, value)) == f"{before}{value}{after}"


@given(st.dictionaries(NAMES, TEXTS, min_size=1, max_size=5))
def test_what_a_payload_says_is_never_looked_at_again(payload):
    text = "|".join(f"${{payload.{name}}}" for name in payload)

    assert filled_in(text, payload) == "|".join(payload.values())


@given(PLAIN | st.just("${VAR}") | st.just("${payload}"))
def test_a_text_without_a_reference_stays(text):
    assert filled_in(text, {"a": "b"}) == text


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({}, "payload.a.b is missing: start the run with a payload that has it"),
        ({"a": {}}, "payload.a.b is missing"),
        ({"a": "text"}, "payload.a.b is missing"),
        ({"a.b": "text"}, "payload.a.b is missing"),
        ({"a": {"b": None}}, "payload.a.b is null: give it a text or a number"),
        ({"a": {"b": True}}, "payload.a.b is a boolean"),
        ({"a": {"b": {}}}, "payload.a.b is an object"),
        ({"a": {"b": []}}, "payload.a.b is a list"),
    ],
)
def test_a_value_that_cannot_be_taken_is_told_by_its_name(payload, words):
    with pytest.raises(UnusablePayload, match=words):
        filled_in("p/${payload.a.b}/", payload)


@given(st.integers(1, 10**17))
def test_a_limit_is_a_whole_number_or_its_digits(number):
    assert number_of("${payload.n}", {"n": number}) == number
    assert number_of("${payload.n}", {"n": str(number)}) == number
    assert number_of(number, {}) == number


@pytest.mark.parametrize("value", [0, -1, 1.5, "", "many", "1e3", " 7", "٣", "9" * 5000])
def test_a_limit_that_is_no_number_of_files_is_refused(value):
    with pytest.raises(UnusablePayload, match=r"give payload\.n a whole number of at least 1"):
        number_of("${payload.n}", {"n": value})


@pytest.mark.parametrize(
    ("listing", "label"),
    [
        (
            Listing(place="b", bucket=Bucket(), beginning="${payload.day}/2-", pattern="*.txt"),
            "s3://b/${payload.day}/2-*.txt",
        ),
        (Listing(place="b", bucket=Bucket(), recursive=True), "s3://b/* and beneath"),
        (Listing(place="/data/", beginning="in"), "/data/in/*"),
        (Listing(place="/", pattern="*.txt"), "/*.txt"),
    ],
)
def test_a_listing_is_told_in_a_few_words(listing, label):
    assert listing.label == label
