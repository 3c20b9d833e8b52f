"""``forEach``: a node that runs once for each element of its source's list."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plans import mapping, plan_of
from pypeline.runs.outcome import Succeeded
from pypeline.runs.states import NodeState, RunState
from pypeline.store.records import NODE, Ready

SUCCESS, FAILED, SKIPPED = NodeState.SUCCESS, NodeState.FAILED, NodeState.SKIPPED
PENDING, QUEUED, RUNNING = NodeState.PENDING, NodeState.QUEUED, NodeState.RUNNING


def test_a_list_becomes_one_item_for_each_element(start):
    run = start(mapping())

    recorded = run.list("list", 3)

    assert recorded.ready == (Ready(1, 0, 1), Ready(1, 1, 1), Ready(1, 2, 1))
    assert run.states() == {"list": SUCCESS, "each": RUNNING, "end": PENDING}
    assert run.node("each").waiting == 3


def test_the_node_ends_with_its_last_item_in_any_order(start):
    run = start(mapping())
    run.list("list", 3)

    assert run.succeed("each", 2).ready == ()
    assert run.succeed("each", 0).ready == ()
    assert run.succeed("each", 1).ready == (Ready(2, NODE, 1),)
    assert run.states()["each"] is SUCCESS
    assert run.succeed("end").finished is RunState.SUCCESS


def test_an_empty_list_succeeds_with_an_empty_list(start, store):
    run = start(mapping())

    recorded = run.list("list", 0)

    assert run.states()["each"] is SUCCESS
    assert [node.position for node in recorded.ready] == [2]
    assert store.element_count(run.run_id, 0) == store.element_count(run.run_id, 1) == 0
    assert list(store.elements(run.run_id, 1)) == []


def test_an_empty_list_may_end_the_run(start):
    run = start(plan_of({"a": ["b"], "b": ["c"]}, b={"for_each": "a"}, c={"for_each": "b"}))

    assert run.list("a", 0).finished is RunState.SUCCESS


@pytest.mark.parametrize(("length", "size", "items"), [(10, 3, 4), (9, 3, 3), (1, 20, 1)])
def test_a_batch_is_one_item(start, length, size, items):
    run = start(mapping(batch_size=size))

    assert len(run.list("list", length).ready) == items


def test_no_more_items_are_out_than_the_window_holds(start):
    run = start(mapping(window=2))

    run.list("list", 5)

    assert run.names == ["each[0]", "each[1]"]
    assert run.item_states("each") == [QUEUED, QUEUED, PENDING, PENDING, PENDING]


@pytest.mark.parametrize("ending", ["succeed", "fail", "skip"])
def test_each_end_releases_the_next_item(start, ending):
    run = start(mapping(window=2))
    run.list("list", 5)
    most_out = 0

    for released in ([2], [3], [4], [], []):
        most_out = max(most_out, len(run.out))
        name, item = next(iter(run.out))
        recorded = getattr(run, ending)(name, item)
        assert [node.item for node in recorded.ready if node.item != NODE] == released

    assert most_out == 2


def test_an_item_that_is_tried_again_keeps_its_place_in_the_window(start):
    run = start(mapping(window=1))
    run.list("list", 2)

    assert run.fail("each", 0, delay=5).ready == ()
    assert run.item_states("each") == [NodeState.RETRYING, PENDING]


def test_a_failed_item_fails_the_node_when_all_have_ended(start, store):
    run = start(mapping())
    run.list("list", 3)
    run.fail("each", 1)
    assert run.states()["each"] is RUNNING

    run.succeed("each", 0)
    recorded = run.succeed("each", 2)

    assert run.states() == {"list": SUCCESS, "each": FAILED, "end": SKIPPED}
    assert recorded.finished is RunState.FAILED
    assert store.run(run.run_id).error == "each[1]: ValueError: no luck"
    assert run.node("each", 1).error.message == "no luck"


def test_a_skipped_item_leaves_a_gap_in_a_success(start, store):
    run = start(mapping())
    run.list("list", 3)
    run.succeed("each", 0, result='"x"')
    run.skip("each", 1)
    run.succeed("each", 2, result='"z"')

    assert run.states()["each"] is SUCCESS
    assert list(store.elements(run.run_id, 1)) == ['"x"', None, '"z"']


def test_a_node_of_which_every_item_was_skipped_is_skipped(start):
    run = start(mapping())
    run.list("list", 2)
    run.skip("each", 0)
    run.skip("each", 1)

    assert run.states() == {"list": SUCCESS, "each": SKIPPED, "end": SKIPPED}


@pytest.mark.parametrize("end", ["skip", "fail"])
def test_what_follows_gets_a_sequence_though_no_item_succeeded(start, store, end):
    run = start(mapping())
    run.list("list", 2)
    for item in range(2):
        getattr(run, end)("each", item)

    assert store.element_count(run.run_id, 1) == 2
    assert list(store.elements(run.run_id, 1)) == [None, None]


def test_a_mapped_node_that_was_skipped_before_it_had_items_has_no_sequence(start, store):
    run = start(mapping())
    run.skip("list")

    assert run.states()["each"] is SKIPPED
    assert store.element_count(run.run_id, 1) is None


def test_a_mapped_node_may_be_mapped_over(start, store):
    run = start(plan_of({"a": ["b"], "b": ["c"]}, b={"for_each": "a"}, c={"for_each": "b", "batch_size": 2}))
    run.list("a", 3)
    for item in range(3):
        run.succeed("b", item, result=str(item * 10))

    assert run.names == ["c[0]", "c[1]"]
    assert store.element_count(run.run_id, 1) == 3
    assert list(store.elements(run.run_id, 1, 2, 4)) == ["20"]


def test_a_list_is_stored_once_however_often_it_is_mapped(start, store):
    run = start(plan_of({"a": ["b", "c"]}, b={"for_each": "a"}, c={"for_each": "a", "window": 1}))

    run.list("a", 3)

    assert run.names == ["b[0]", "b[1]", "b[2]", "c[0]"]
    assert store._connections.read(lambda tx: tx.all("SELECT count(*) FROM pypeline_element")) == [(3,)]


def test_a_mapped_node_whose_source_did_not_succeed_has_no_items(start):
    run = start(
        plan_of({"a": ["b"], "b": ["c"]}, b={"for_each": "a", "rule": "all_done"}, c={"rule": "all_done"})
    )

    run.fail("a")

    assert run.states() == {"a": FAILED, "b": SUCCESS, "c": QUEUED}
    assert run.item_states("b") == []


def test_a_mapped_node_waits_for_all_its_predecessors(start):
    run = start(plan_of({"a": ["b"], "slow": ["b"]}, b={"for_each": "a"}))

    assert run.list("a", 2).ready == ()
    assert run.node("b").waiting == 1
    assert [node.item for node in run.succeed("slow").ready] == [0, 1]


def test_only_the_items_of_a_mapped_node_can_be_claimed(start):
    run = start(mapping())
    run.list("list", 1)

    assert run.try_claim("each", NODE, attempt=0) is None
    assert run.try_claim("each", NODE, attempt=1) is None
    assert run.try_claim("each", 0, attempt=1) is not None


def test_a_second_report_of_an_item_changes_nothing(start):
    run = start(mapping(window=1))
    run.list("list", 3)
    claim = run.claim("each", 0)
    run.record(claim, Succeeded("1"))
    before = run.nodes()

    assert not run.record(claim, Succeeded("2")).accepted
    assert not run.record(replace(claim, token="other"), Succeeded("2")).accepted
    assert run.nodes() == before


# — reading lists —


def test_elements_come_in_order_and_in_parts(start, store):
    run = start(mapping())
    run.list("list", 1_203)

    everything = [str(i) for i in range(1_203)]
    assert list(store.elements(run.run_id, 0)) == everything
    assert list(store.elements(run.run_id, 0, 5, 8)) == ["5", "6", "7"]
    assert list(store.elements(run.run_id, 0, 1_200)) == ["1200", "1201", "1202"]
    assert list(store.elements(run.run_id, 0, 400, 1_100)) == everything[400:1_100]
    assert list(store.elements(run.run_id, 0, 2_000)) == []
    assert list(store.elements(run.run_id, 0, 8, 5)) == []
    assert store.element_count(run.run_id, 0) == 1_203
    assert store.result(run.run_id, 0) is None


def test_results_of_items_come_in_parts_too(start, store):
    run = start(mapping(batch_size=2, window=2_000))
    run.list("list", 2_404)
    for item in (0, 600, 1_201):
        run.succeed("each", item, result=f'"{item}"')

    found = list(store.elements(run.run_id, 1))
    assert len(found) == 1_202
    assert {text for text in found if text} == {'"0"', '"600"', '"1201"'}
    assert list(store.elements(run.run_id, 1, 599, 602)) == [None, '"600"', None]


def test_a_list_that_is_half_read_hinders_nothing(start, store):
    run = start(mapping())
    run.list("list", 2_000)
    elements = store.elements(run.run_id, 0)
    assert next(elements) == "0"
    run.succeed("each", 0)

    assert store.cancel(run.plan, run.run_id, "cancel") is RunState.CANCELLED
    assert sum(1 for _ in elements) == 1_999


def test_a_node_without_a_list_has_no_elements(start, store):
    run = start(mapping())

    assert store.element_count(run.run_id, 0) is None
    assert list(store.elements(run.run_id, 0)) == []
