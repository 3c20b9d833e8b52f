from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections import Counter

import pytest
from document_stats import counting
from hypothesis import example, given, settings
from hypothesis import strategies as st

SPACES = " \t\n\v\f\r\u00a0\u1680\u2000\u2007\u200a\u202f\u205f\u2060\u3000"
ODD = "\0\x01\x1c\x7f\u0085\u180e\u200b\u2028\u2029\u0301\u0378\ufffe\ufffd\ue000\U0001f600"


def tally(data: bytes) -> counting.Tally:
    return counting.count(io.BytesIO(data))


def wc(data: bytes) -> tuple[int, int, int]:
    """Lines, words and bytes as the real program counts them."""
    finished = subprocess.run(
        ["wc", "-lwc"], input=data, capture_output=True, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    lines, words, size = finished.stdout.split()
    return int(lines), int(words), int(size)


def counted(data: bytes) -> tuple[int, int, int]:
    result = tally(data)
    return result.lines, result.words, result.bytes


def skips_what_is_not_printable() -> bool:
    return shutil.which("wc") is not None and wc(b"\x01 \xff")[1] == 0


needs_wc = pytest.mark.skipif(shutil.which("wc") is None, reason="wc is not installed")
needs_the_wc_that_is_matched = pytest.mark.skipif(
    not skips_what_is_not_printable(), reason="this wc takes what is not printable for a part of a word"
)
exact = settings(max_examples=300, deadline=None)


@needs_the_wc_that_is_matched
@exact
@given(st.binary(max_size=300))
@example(b"\xe2\x82 \xf0\x9f\x98\n\xc3\xa9 \xed\xa0\x80 \xc0\x80 \xf4\x90\x80\x80")
@example(b"\xef\xbf\xbd \xef\xbf\xbe a\xffb \xff")
def test_any_bytes_are_counted_as_wc_counts_them(data):
    assert counted(data) == wc(data)


@needs_the_wc_that_is_matched
@exact
@given(st.text(st.sampled_from(SPACES + ODD + "aé漢")))
def test_odd_characters_are_counted_as_wc_counts_them(text):
    assert counted(text.encode()) == wc(text.encode())


@needs_wc
@exact
@given(st.text(st.sampled_from(" \t\n\r\v\fabcXYZ019.,;'\"-_éßλж漢")))
def test_prose_is_counted_as_any_wc_counts_it(text):
    assert counted(text.encode()) == wc(text.encode())


@needs_wc
def test_a_text_of_several_chunks_is_counted_as_wc_counts_it():
    data = ("Ein kurzer Satz, größer als nötig.\r\n" * 70_000 + "and no newline at the end").encode()
    assert len(data) > 2 * counting.CHUNK

    assert counted(data) == wc(data)


def test_a_last_line_without_a_newline_is_no_line():
    assert tally(b"one\ntwo").lines == 1


def test_a_word_needs_a_printable_character():
    assert tally(b"\x00\x01 \xff\xfe \x02a").words == 1


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", 0),
        ("no end", 0),
        ("One. Two! Three?", 3),
        ("Well... yes?! Quite.", 3),
        ('"Is it?" she asked. (It was.)', 3),
        ("Mr. Darcy met Mrs. Long and J. Smith, Esq. of London.", 1),
        ("It was I. You knew.", 2),
        ("Version 1.5 costs 3.20 at example.com", 0),
        ("今日は。元気です\uff01", 2),
    ],
)
def test_sentences_end_with_a_mark_that_ends_a_word(text, sentences):
    assert tally(text.encode()).sentences == sentences


def test_terms_are_words_without_stop_words_case_and_possessive():
    terms = tally("The Sister's _sister_ and the SISTER\u2019s don't x 42 snake_case".encode()).terms

    assert terms == {"sister": 3, "snake": 1, "case": 1}


def test_an_accent_of_its_own_does_not_cut_a_term():
    assert tally("cafe\u0301 café".encode()).terms == {"café": 2}


def test_bytes_that_are_no_utf8_reach_no_term():
    assert tally(b"caf\xe9 caf\xe9\xff table").terms == {"caf": 2, "table": 1}


def test_a_run_of_letters_longer_than_any_word_is_no_term():
    assert tally(b"x" * 100_000).terms == {}


def test_a_megabyte_of_marks_is_counted_in_linear_time():
    # Quadratic, this would take hours; the suite's time limit ends it.
    marks = b"." * 1_000_000 + b"x" + b".)" * 500_000 + b"x" + b'"' * 1_000_000 + b"x"

    assert tally(marks).sentences == 0


def test_terms_that_fit_are_all_kept():
    assert counting.most_frequent(Counter(b=1, a=2)) == ({"a": 2, "b": 1}, 0)


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.integers(1, 9)), st.integers(2, 120))
def test_dropped_terms_are_no_more_frequent_than_said(terms, room):
    kept, missed = counting.most_frequent(Counter(terms), room=room)

    assert len(json.dumps(kept)) <= room
    assert kept.items() <= terms.items()
    assert all(number <= missed for term, number in terms.items() if term not in kept)
    assert all(number >= missed for number in kept.values())
