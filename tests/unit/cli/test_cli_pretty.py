from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pypeline.cli.pretty import pretty

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values, st.integers(0, 80))
def test_what_is_shown_is_the_value(value, width):
    assert json.loads(pretty(value, width=width)) == value


def test_what_fits_stays_on_one_line():
    assert pretty({"a": [1, 2]}, width=20) == '{"a": [1, 2]}'


def test_what_does_not_fit_is_broken_where_it_has_to_be():
    shown = pretty({"terms": [["time", 1], ["good", 2]], "n": 1}, width=20)

    assert shown.splitlines() == [
        "{",
        '  "terms": [',
        '    ["time", 1],',
        '    ["good", 2]',
        "  ],",
        '  "n": 1',
        "}",
    ]
