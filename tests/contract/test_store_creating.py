from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from plans import plan_of, roots
from pypeline.errors import IdempotencyConflict
from pypeline.runs.states import NodeState, RunState
from pypeline.store import tables
from pypeline.store.records import NODE, NewRun, Ready

if TYPE_CHECKING:
    from pypeline.store.sql_store import SqlStore

DIAMOND = plan_of({"a": ["b", "d"], "b": ["d"]})


def keyed(key: str, body_hash: str) -> NewRun:
    return NewRun(str(uuid.uuid4()), {}, "api", "b", idempotency_key=key, body_hash=body_hash)


def how_many(store: SqlStore, table: str) -> int:
    with store._engine.connect() as connection:
        number: int = connection.execute(
            select(func.count()).select_from(tables.metadata.tables[table])
        ).scalar_one()
    return number


def test_a_new_run_is_pending_and_its_roots_are_queued(start):
    run = start(plan_of({"a": ["c"], "b": ["c"]}))

    assert run.state is RunState.PENDING
    assert run.created.ready == (Ready(0, NODE, 1), Ready(1, NODE, 1))
    assert not run.created.existing
    assert run.states() == {"a": NodeState.QUEUED, "b": NodeState.QUEUED, "c": NodeState.PENDING}


def test_each_node_waits_for_its_predecessors(start):
    run = start(DIAMOND)

    assert {node.name: node.waiting for node in run.nodes()} == {"a": 0, "b": 1, "d": 2}


def test_a_run_remembers_how_it_was_started(start, store):
    run = start(DIAMOND, payload={"z": 1, "a": [None]}, trigger="schedule:x", replacements={"a": 1})

    record, context = store.run(run.run_id), store.context(run.run_id)
    assert (record.payload, list(record.payload)) == ({"z": 1, "a": [None]}, ["z", "a"])
    assert record.trigger == "schedule:x"
    assert context.replacements == {"a": 1}
    assert context.payload == record.payload
    assert (record.started_at, record.finished_at, record.flag, record.error) == (None, None, None, None)


def test_a_definition_is_stored_once_and_comes_back_as_it_was_written(start, store):
    first, second = start(DIAMOND), start(DIAMOND)

    assert store.context(first.run_id).definition_id == store.context(second.run_id).definition_id
    assert store.definition(DIAMOND.definition_id) == DIAMOND.document
    assert how_many(store, "pypeline_definition") == 1


def test_two_definitions_of_one_pipeline_live_side_by_side(start, store):
    changed = plan_of({"a": ["b"]})
    start(DIAMOND)
    start(changed)

    assert store.definition(changed.definition_id) == changed.document
    assert store.definition(DIAMOND.definition_id) == DIAMOND.document


def test_the_same_key_and_body_answer_the_run_that_is_there(store):
    first = store.create_run(DIAMOND, keyed("k", "body"))
    second = store.create_run(DIAMOND, keyed("k", "body"))

    assert second.existing
    assert second.run_id == first.run_id
    assert second.ready == ()
    assert how_many(store, "pypeline_run") == 1
    assert how_many(store, "pypeline_node") == 3


def test_the_same_key_with_another_body_is_refused_with_the_run_that_has_it(store):
    first = store.create_run(DIAMOND, keyed("k", "body"))

    with pytest.raises(IdempotencyConflict) as refused:
        store.create_run(DIAMOND, keyed("k", "other"))

    assert (refused.value.key, refused.value.run_id) == ("k", first.run_id)


def test_a_key_belongs_to_its_pipeline(store):
    store.create_run(DIAMOND, keyed("k", "body"))

    elsewhere = store.create_run(plan_of({"a": []}, pipeline_id="other"), keyed("k", "other"))

    assert not elsewhere.existing


def test_runs_without_a_key_never_meet(start, run_ids):
    first, second = start(DIAMOND), start(DIAMOND)

    assert set(run_ids()) == {first.run_id, second.run_id}


def test_only_as_many_roots_are_queued_as_there_is_room_for(start):
    run = start(roots(5, max_concurrency=2))

    assert run.names == ["r0", "r1"]
    assert run.node("r2").state is NodeState.PENDING
