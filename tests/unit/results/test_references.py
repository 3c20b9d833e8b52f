import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypeline.results import Reference, is_reference

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
)


@given(JSON)
def test_no_result_looks_like_a_reference(value):
    assert not is_reference(json.dumps(value, ensure_ascii=False))


@given(size=st.integers(0), key=st.text())
def test_a_reference_comes_back_from_its_text(size, key):
    text = Reference(size, key).text

    assert is_reference(text)
    assert Reference.of(text) == Reference(size, key)


@pytest.mark.parametrize(
    ("size", "shown"),
    [(12, "12 bytes"), (1_500, "1.5 KB"), (2_340_000, "2.3 MB"), (5_000_000_000, "5.0 GB")],
)
def test_people_see_how_much_it_is_and_where(size, shown):
    assert str(Reference(size, "r1/0.json")) == f"{shown} of JSON in the result store: r1/0.json"
