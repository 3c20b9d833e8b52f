import copy
import json
import pickle

import pytest

from pypeline.runs.plan import Step
from pypeline.store.records import NODE
from pypeline.tasks.attempts.event import Event, EventKeys, Upstream, build_event


@pytest.fixture
def upstream(results):
    results.keep(0, {"rows": 3}).keep_parts(1, [1, 2])
    return Upstream("report", {"clean": 0, "count": 1, "maybe": 2}, results)


def build(results, *, payload=None, defaults=None, item=NODE, **step):
    keys = EventKeys(
        pipeline_id="p", execution_id="r1", task_id="t1", attempt=2, payload=payload or {}, item=item
    )
    return build_event(
        Step(name="report", handlers=("h",), queue="q", **step), keys, defaults=defaults or {}, reader=results
    )


def test_an_event_holds_the_run_the_node_and_the_payload(results):
    assert build(results, payload={"day": "monday"}) == {
        "day": "monday",
        "pipeline_id": "p",
        "execution_id": "r1",
        "task_id": "t1",
        "node": "report",
        "attempt": 2,
        "chain_payload": {"day": "monday"},
    }


def test_the_payload_wins_over_the_handlers_defaults(results):
    event = build(results, payload={"lang": "de"}, defaults={"lang": "en", "size": 3})

    assert (event["lang"], event["size"]) == ("de", 3)
    assert event["chain_payload"] == {"lang": "de"}


def test_the_runs_own_keys_win_over_payload_and_defaults(results):
    event = build(results, payload={"node": "mine", "attempt": 99}, defaults={"pipeline_id": "mine"})

    assert (event["node"], event["attempt"], event["pipeline_id"]) == ("report", 2, "p")
    assert event["chain_payload"] == {"node": "mine", "attempt": 99}


def test_a_handler_that_changes_its_event_changes_nobody_elses(results):
    payload, defaults = {"rows": [{"n": 1}]}, {"options": {"deep": []}}
    event = build(results, payload=payload, defaults=defaults)

    event["rows"][0]["n"] = 2
    event["options"]["deep"].append(1)

    assert (payload, defaults) == ({"rows": [{"n": 1}]}, {"options": {"deep": []}})
    assert event["chain_payload"] == {"rows": [{"n": 1}]}


def test_an_item_gets_its_element_and_its_index(results):
    results.keep_parts(0, ["a", "b", "c"])

    event = build(results, for_each=0, item=1)

    assert (event["item"], event["index"]) == ("b", 1)
    assert "items" not in event
    assert results.reads == [("elements", 0, 1, 2)]


def test_a_batch_gets_its_elements_and_its_own_index(results):
    results.keep_parts(0, ["a", "b", "c"])

    full, rest = (build(results, for_each=0, batch_size=2, item=item) for item in (0, 1))

    assert (full["items"], full["index"]) == (["a", "b"], 0)
    assert (rest["items"], rest["index"]) == (["c"], 1)
    assert "item" not in full


def test_an_element_that_failed_upstream_arrives_as_none(results):
    results.keep_parts(0, ["a", None])

    assert build(results, for_each=0, item=1)["item"] is None


def test_an_item_beyond_the_list_is_named(results):
    results.keep_parts(0, ["a"])

    with pytest.raises(LookupError, match="node 'report' has no item 5"):
        build(results, for_each=0, item=5)


def test_a_node_that_maps_over_nothing_has_no_item(results):
    assert "index" not in build(results, item=3)


def test_upstream_reads_a_result_when_it_is_asked_for_and_once(results, upstream):
    assert results.reads == []

    assert upstream["clean"] == {"rows": 3}
    assert upstream["clean"] is upstream["clean"]
    assert results.reads == [("result", 0)]


def test_upstream_gives_none_for_a_predecessor_without_a_result(upstream):
    assert upstream["maybe"] is None


def test_upstream_tells_which_predecessors_there_are_without_reading_them(results, upstream):
    assert list(upstream) == ["clean", "count", "maybe"]
    assert len(upstream) == 3
    assert "clean" in upstream
    assert "extract" not in upstream
    assert repr(upstream) == "Upstream(clean, count, maybe)"
    assert results.reads == []


def test_upstream_names_the_direct_predecessors_when_asked_for_another_node(upstream):
    with pytest.raises(
        KeyError, match="'extract' is no direct predecessor of node 'report'; it has: clean, c"
    ):
        upstream["extract"]
    assert upstream.get("extract", 5) == 5


def test_upstream_of_a_root_says_that_it_has_none(results):
    with pytest.raises(KeyError, match="it has: none"):
        Upstream("extract", {}, results)["report"]


def test_copies_of_an_event_are_plain_dicts_that_json_and_pickle_hold(upstream):
    event = Event({"day": "monday"}, upstream)

    assert event == {"day": "monday"}
    assert event.upstream["count"] == [1, 2]
    assert json.dumps(dict(event)) == json.dumps(event) == '{"day": "monday"}'
    assert type(pickle.loads(pickle.dumps(event))) is dict
    assert type(copy.deepcopy(event)) is dict
