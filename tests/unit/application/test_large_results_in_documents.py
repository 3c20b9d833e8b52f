import json

import pytest

from pypeline.application.large_results import DocumentReader, LeftOut
from pypeline.results import Reference, ResultStore


@pytest.fixture
def large(tmp_path):
    return ResultStore(str(tmp_path / "large"), patience=0)


def put(large, key, value):
    return large.put(key, json.dumps(value)).text


def test_small_and_large_results_are_read_alike(large):
    reader = DocumentReader(large)

    assert reader.value('{"a": 1}') == {"a": 1}
    assert reader.value(put(large, "r1/0.json", ["x" * 1000])) == ["x" * 1000]
    assert reader.value(None) is None


def test_what_the_document_has_no_room_for_is_left_out_and_smaller_ones_still_fit(large):
    reader = DocumentReader(large, room=1000)

    values = [reader.value(put(large, f"r1/{n}.json", "x" * n)) for n in (600, 500, 300)]

    assert values[0] == "x" * 600
    assert values[1] == LeftOut(Reference(502, "r1/500.json"), None)
    assert values[2] == "x" * 300


def test_a_result_that_is_gone_is_left_out_with_the_reason(large):
    text = put(large, "r1/0.json", 1)
    put(large, "r2/0.json", 2)
    large.remove("r1")

    left = DocumentReader(large).value(text)

    assert left.document(3) == {"index": 3, "key": "r1/0.json", "bytes": 1, "error": left.error}
    assert "it is no longer there" in left.error


def test_a_store_that_is_away_is_asked_only_once(tmp_path):
    (tmp_path / "large").write_text("a file")
    reader = DocumentReader(ResultStore(str(tmp_path / "large"), patience=0))

    first = reader.value(Reference(3, "r1/0.json").text)
    (tmp_path / "large").unlink()
    there = put(ResultStore(str(tmp_path / "large")), "r1/1.json", 1)

    assert reader.value(there) == LeftOut(Reference(1, "r1/1.json"), first.error)


def test_without_a_store_the_reason_says_what_to_set():
    left = DocumentReader(None).value(Reference(3, "r1/0.json").text)

    assert "PYPELINE_RESULT_STORE is not set here" in left.error
