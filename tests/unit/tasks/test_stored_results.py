import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypeline.tasks.attempts.results import StoredResults, StoredSequence, read_result


@pytest.fixture
def three(results):
    return read_result(results.keep_parts(4, ["a", None, {"n": 3}]), 4)


def test_a_result_is_the_value_that_was_returned(results):
    assert read_result(results.keep(1, {"rows": [1, 2]}), 1) == {"rows": [1, 2]}


def test_a_node_without_a_result_gives_none(results):
    assert read_result(results, 7) is None


def test_a_result_of_json_null_needs_no_second_look(results):
    results.element_count = pytest.fail

    assert read_result(results.keep(1, None), 1) is None


def test_a_result_in_parts_is_a_sequence_in_item_order_with_none_for_what_failed(three):
    assert isinstance(three, StoredSequence)
    assert list(three) == ["a", None, {"n": 3}]
    assert len(three) == 3
    assert three[0] == "a"
    assert three[-1] == {"n": 3}
    assert three[1] is None


def test_a_sequence_says_when_an_index_is_out_of_range(three):
    with pytest.raises(IndexError):
        three[3]


def test_an_element_that_is_gone_from_the_database_is_named(results):
    gone = StoredSequence(results, 9, range(2))

    with pytest.raises(IndexError, match="element 1 is no longer in the database"):
        gone[1]


def test_a_sequence_equals_the_list_of_its_elements_and_no_other(results, three):
    assert three == ["a", None, {"n": 3}]
    assert three == StoredSequence(results, 4, range(3))
    assert three != ["a", None]
    assert three != ["a", None, 3]
    assert three != ("a", None, {"n": 3})


def test_a_sequence_has_no_hash_as_lists_have_none(three):
    with pytest.raises(TypeError):
        hash(three)


def test_a_sequence_shows_its_first_elements_and_its_size(results, three):
    many = read_result(results.keep_parts(5, list(range(10_000))), 5)

    assert repr(three) == "StoredSequence(['a', None, {'n': 3}])"
    assert repr(many) == "StoredSequence([0, 1, 2, … 10,000 in all])"


def test_iteration_reads_the_parts_once_and_a_slice_only_its_own(results):
    many = read_result(results.keep_parts(5, list(range(100))), 5)
    results.reads.clear()

    assert list(many[10:13]) == [10, 11, 12]
    assert results.reads == [("elements", 5, 10, 13)]


def test_a_sequence_streams_without_holding_what_it_has_read(results):
    given_out = []

    def endless(position, start=0, stop=None):
        for index in range(start, stop):
            given_out.append(index)
            yield str(index)

    results.elements = endless
    numbers = iter(StoredSequence(results, 0, range(10**9)))

    assert [next(numbers), next(numbers)] == [0, 1]
    assert given_out == [0, 1]


@given(
    size=st.integers(0, 12),
    cut=st.slices(12),
    again=st.slices(5),
)
def test_slices_of_slices_are_those_of_a_list(size, cut, again):
    class Numbers:
        def elements(self, position, start=0, stop=None):
            return iter([str(number) for number in range(size)][start:stop])

    values = list(range(size))
    stored = StoredSequence(Numbers(), 0, range(size))

    assert list(stored[cut][again]) == values[cut][again]
    assert stored[cut][again] == values[cut][again]
    assert list(reversed(stored)) == values[::-1]


def test_the_results_of_a_run_are_the_stores_with_its_id_bound():
    class Store:
        def result(self, *asked):
            return json.dumps(asked)

        element_count = result

        def elements(self, *asked):
            yield json.dumps(asked)

    bound = StoredResults(Store(), "r1")

    assert bound.result(3) == '["r1", 3]'
    assert bound.element_count(3) == '["r1", 3]'
    assert list(bound.elements(3, 1, 2)) == ['["r1", 3, 1, 2]']
