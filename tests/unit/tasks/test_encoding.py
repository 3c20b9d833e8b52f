import json
from collections import OrderedDict, namedtuple
from datetime import datetime
from decimal import Decimal
from enum import IntEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypeline.tasks.attempts import encoding
from pypeline.tasks.attempts.encoding import (
    MAX_DEPTH,
    ResultNotAList,
    ResultNotJson,
    ResultTooLarge,
    encode_elements,
    encode_result,
)
from pypeline.tasks.attempts.results import StoredSequence

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
)


def encode(value, limit=10_000):
    return encode_result(value, handler="demo.tasks.clean", limit=limit)


def nested(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value


@given(JSON)
def test_what_json_holds_comes_back_as_it_was(value):
    assert json.loads(encode(value, limit=10_000_000)) == value


def test_a_dict_keeps_its_order():
    assert encode({"z": 1, "a": 2}) == '{"z": 1, "a": 2}'


def test_other_alphabets_are_kept_as_they_are_written():
    assert encode("Straße 東京") == '"Straße 東京"'


def test_a_nul_is_escaped_so_that_every_database_takes_the_text():
    text = encode({"a\0": "b\0"})

    assert "\0" not in text
    assert json.loads(text) == {"a\0": "b\0"}


def test_kinds_of_the_json_types_are_taken_for_what_they_are():
    class Size(IntEnum):
        LARGE = 3

    point = namedtuple("Point", "x y")(1, 2)  # noqa: PYI024 - as users have them

    assert encode([Size.LARGE, point, OrderedDict(a=(1,))]) == '[3, [1, 2], {"a": [1]}]'


def test_the_sequence_of_a_for_each_node_is_returned_as_a_list(results):
    results.keep_parts(0, [1, None, "x"])

    assert encode({"counts": StoredSequence(results, 0, range(3))}) == '{"counts": [1, null, "x"]}'


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (datetime(2026, 1, 1), "result: datetime"),  # noqa: DTZ001 - any will do
        ({"rows": [1, 2, 3, datetime(2026, 1, 1)]}, 'result["rows"][3]: datetime'),  # noqa: DTZ001
        ([Decimal(1)], "result[0]: Decimal"),
        ({"raw": b"x"}, 'result["raw"]: bytes'),
        ({"raw": {"a": {1, 2}}}, 'result["raw"]["a"]: set'),
        ((i for i in "ab"), "result: generator"),
        (object, "result: type"),
        ([1.0, float("nan")], "result[1]: nan is no JSON number"),
        ({"x": float("-inf")}, 'result["x"]: -inf is no JSON number'),
        ({"a": {1: "x"}}, 'result["a"]: a key of type int; the keys of a JSON object are strings'),
        ({None: 1}, "result: a key of type NoneType"),
        ({"n": 10**4300}, 'result["n"]: an int of more than 4,300 digits'),
        ({"names": ["caf\udce9"]}, 'result["names"][0]: a string with the lone surrogate U+DCE9'),
        ({"caf\udce9": 1}, "result: a string with the lone surrogate U+DCE9"),
        ({'say "hi"\n': b""}, r'result["say \"hi\" "]: bytes'),
    ],
)
def test_what_json_cannot_hold_is_named_with_its_handler_its_place_and_its_type(value, said):
    with pytest.raises(ResultNotJson) as caught:
        encode(value)
    assert str(caught.value).startswith(f"demo.tasks.clean returned what JSON cannot hold: {said}")


def test_the_largest_int_that_can_be_read_back_is_kept():
    number = 2**14_284 - 1

    assert json.loads(encode(number)) == number


def test_a_value_that_holds_itself_is_refused():
    row = {"id": 1}
    row["parents"] = [row]

    with pytest.raises(ResultNotJson, match=r'result\["parents"\]\[0\]: a dict that holds itself'):
        encode(row)


def test_a_value_may_hold_another_one_twice():
    row = [1]

    assert encode({"a": row, "b": [row, row]}) == '{"a": [1], "b": [[1], [1]]}'


def test_nesting_is_bounded_and_the_long_way_there_is_cut():
    assert encode(nested(MAX_DEPTH)) == "[" * MAX_DEPTH + "]" * MAX_DEPTH
    with pytest.raises(ResultNotJson) as caught:
        encode(nested(100_000 // 300))
    assert str(caught.value).endswith(f"result{'[0]' * 6}…{'[0]' * 6}: nested more than 200 deep")


def test_a_result_over_the_limit_says_its_size_the_limit_and_the_remedy():
    with pytest.raises(ResultTooLarge) as caught:
        encode("x" * 2000, limit=1024)
    assert str(caught.value) == (
        "demo.tasks.clean returned too much: result takes 2,002 bytes of JSON, the limit is 1,024. Set "
        "PYPELINE_RESULT_STORE to a folder or URL that keeps larger ones, raise "
        "PYPELINE_RESULT_LIMIT, or store the data elsewhere and return a reference to it"
    )


def test_the_limit_counts_bytes_and_is_inclusive():
    assert encode("ü" * 10, limit=22) == f'"{"ü" * 10}"'
    with pytest.raises(ResultTooLarge, match="22 bytes"):
        encode("ü" * 10, limit=21)


def test_a_value_far_over_the_limit_is_not_encoded_to_learn_its_size(monkeypatch):
    monkeypatch.setattr(encoding, "_SLACK", 1000)
    bomb = ["x"]
    for _ in range(60):
        bomb = [bomb, bomb]

    with pytest.raises(ResultTooLarge, match="result takes over 1,100 bytes of JSON, the limit is 100"):
        encode(bomb, limit=100)


def test_the_elements_of_a_mapped_list_are_encoded_one_by_one():
    assert elements([1, {"b": 2, "a": "ü"}, None]) == ("1", '{"b": 2, "a": "ü"}', "null")
    assert elements(()) == ()


def test_the_sequence_of_a_for_each_node_can_be_mapped_over_again(results):
    results.keep_parts(0, [1, None])

    assert elements(StoredSequence(results, 0, range(2))) == ("1", "null")


@pytest.mark.parametrize(
    ("value", "kind"), [({}, "dict"), ("abc", "str"), (None, "NoneType"), (iter([]), "list_iterator")]
)
def test_a_node_that_is_mapped_over_must_return_a_list(value, kind):
    said = f"demo.tasks.clean returned a {kind}: the forEach of node 'each' needs a list"

    with pytest.raises(ResultNotAList, match=said):
        elements(value)


def test_all_the_nodes_that_need_the_list_are_named():
    with pytest.raises(ResultNotAList, match="the forEach of node 'count' and node 'each' needs a list"):
        encode_elements({}, handler="demo.tasks.clean", mapped_by=("count", "each"), limit=100)


def test_the_limit_holds_for_each_element():
    assert len(elements(["x" * 90] * 100)) == 100
    with pytest.raises(ResultTooLarge, match=r"result\[1\] takes 202 bytes of JSON, the limit is 100"):
        elements(["", "x" * 200])


def test_what_json_cannot_hold_is_found_inside_an_element():
    with pytest.raises(ResultNotJson, match=r'result\[1\]\["a"\]: bytes'):
        elements([1, {"a": b""}])


def elements(value):
    return encode_elements(value, handler="demo.tasks.clean", mapped_by=("each",), limit=100)
