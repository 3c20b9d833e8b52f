from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypeline.cli.columns import aligned
from pypeline.cli.marks import mark
from pypeline.cli.spelling import print_anything
from pypeline.runs.states import NodeState


def lines(*rows, header=("name", "time"), width=80, **options):
    return aligned(header, rows, width=width, **options).plain.splitlines()


def test_columns_are_as_wide_as_what_they_hold():
    assert lines(("a-node", "1ms"), ("b", "12ms"), right=frozenset({1})) == [
        "name    time",
        "a-node   1ms",
        "b       12ms",
    ]


def test_no_line_ends_in_blanks():
    assert lines(("a", ""), ("b", "12ms"))[1] == "a"


def test_a_header_without_words_is_no_line():
    assert lines(("a", "b"), header=("", "")) == ["a  b"]


def test_where_it_is_narrow_the_first_elastic_column_gives_first():
    shown = lines(("a-long-name-of-a-node", "a long result of it " * 3), width=40, elastic=(1, 0))

    assert shown[1] == "a-long-name-of-a-node  a long result of…"


def test_names_keep_twelve_characters_and_then_the_last_column_goes():
    shown = lines(("a-long-name-of-a-node", "x" * 50), width=16, elastic=(1, 0))

    assert shown[1] == "a-long-name-o…"


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5), st.integers(14, 60))
def test_every_line_fits(rows, width):
    clean = [tuple(cell.replace("\n", " ").replace("\r", " ") for cell in row) for row in rows]

    text = aligned(("a", "b"), clean, width=width, elastic=(1, 0))

    assert all(line.cell_len <= width for line in text.split())


def test_a_fixed_column_has_its_width():
    assert lines(("a", "b"), header=("", ""), fixed={0: 4}) == ["a     b"]


@pytest.mark.parametrize("state", NodeState)
def test_marks_are_plain_where_the_stream_knows_no_more(state):
    assert len(printed(mark(state).plain)) == 1


def test_what_a_stream_does_not_know_is_spelt_out():
    assert printed("a… ├─╮ ä") == "a~ +-+ \\xe4"


def test_marks_stay_apart_without_unicode():
    assert len({printed(mark(state).plain) for state in NodeState}) == len(NodeState)


def printed(text):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_anything(stream)
    stream.write(text)
    stream.flush()
    return stream.buffer.getvalue().decode("ascii")
