"""Many runs in one transaction."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from plans import chain, roots
from pypeline.store.records import NODE, NewRun, Ready


def new_run(**fields):
    given = {"payload": {}, "trigger": "publish", "broker": "memory://here", **fields}
    return NewRun(str(uuid.uuid4()), **given)


def test_each_run_has_its_payload_and_its_roots_are_queued(store):
    plan = chain(2)
    news = [new_run(payload={"n": number}) for number in range(3)]

    created = store.create_runs([(plan, new) for new in news])

    assert [run.run_id for run in created] == [new.run_id for new in news]
    assert {run.ready for run in created} == {(Ready(0, NODE, 1),)}
    assert [store.run(new.run_id).payload for new in news] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert [node.state.value for node in store.nodes(news[0].run_id, limit=9)] == ["queued", "pending"]


def test_they_may_be_of_different_plans(store):
    one, other = new_run(), new_run()

    store.create_runs([(chain(1, pipeline_id="one"), one), (roots(3, pipeline_id="other"), other)])

    assert [store.run(new.run_id).pipeline_id for new in (one, other)] == ["one", "other"]
    assert len(store.nodes(other.run_id, limit=9)) == 3


def test_all_of_them_or_none(store, run_ids):
    twice = new_run()
    broken = [(chain(1), new_run()), (chain(1), twice), (chain(1), replace(twice, trigger=None))]

    with pytest.raises(Exception, match=r"(?i)null"):
        store.create_runs(broken)

    assert run_ids() == []


def test_runs_are_found_by_their_broker(store, run_ids):
    here, there = new_run(broker="memory://here"), new_run(broker="amqp://there")
    store.create_runs([(chain(1), here), (chain(1), there)])

    assert run_ids(broker="amqp://there") == [there.run_id]
