"""Pipelines over HTTP: what is defined, starting runs, and what they came to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_shop import API, KEYS, Caller, problem_of
from pypeline.flask.models.pipelines import Pipeline, PipelinePage
from pypeline.flask.models.runs import Invoked, Results

NOWHERE = "amqp://nobody:hidden@127.0.0.1:1//"


def invoke(caller, key, payload=None, pipeline="hello", **more):
    body = {"chain_payload": payload or {}, **more}
    return caller.post(f"/pipelines/invoke/{pipeline}", body, headers={"Idempotency-Key": key})


# — definitions —


def test_pipelines_are_listed_by_their_ids(reader):
    document = reader.get("/pipelines").json

    names = [one["pipeline_id"] for one in document["pipelines"]]
    assert names == ["fails", "hello", "squares", "strict", "two-ends", "waits"]
    assert PipelinePage.model_validate(document).model_dump(mode="json") == document


def test_a_pipeline_is_shown_with_its_definition(reader):
    document = reader.get("/pipelines/squares").json

    assert document["nodes"] == 3
    assert document["definition"]["config"]["dagAdjacency"]["numbers"] == ["square"]
    assert Pipeline.model_validate(document).model_dump(mode="json") == document


def test_an_unknown_pipeline_is_404_and_those_there_are_named(reader, operator):
    assert "squares" in problem_of(reader.get("/pipelines/nothing"), 404)
    assert "squares" in problem_of(operator.post("/pipelines/invoke/nothing", {}), 404)


def test_a_pipeline_shows_its_variables_unexpanded(make_app, folder, monkeypatch):
    monkeypatch.setenv("SECRET", "hidden")
    path = folder / "sermos.yaml"
    path.write_text(path.read_text().replace("metadata: {queue: q}", "metadata: {queue: '${SECRET}'}"))
    caller = Caller(make_app(), KEYS["reader"])

    answer = caller.get("/pipelines/hello")

    assert answer.json["definition"]["config"]["metadata"]["queue"] == "${SECRET}"
    assert "hidden" not in answer.text


# — starting —


def test_a_run_is_accepted_and_is_where_its_location_says(operator):
    answer = operator.post("/pipelines/invoke/hello", {"chain_payload": {"name": "ann"}})

    assert answer.status_code == 202
    assert Invoked.model_validate(answer.json).model_dump() == answer.json
    run_id = answer.json["execution_id"]
    assert answer.json == {"execution_id": run_id, "pipeline_id": "hello", "status": "pending"}
    assert answer.headers["Location"] == f"{API}/runs/{run_id}"
    run = operator.client.get(answer.headers["Location"]).json
    assert (run["payload"], run["trigger"]) == ({"name": "ann"}, "api")


def test_the_location_holds_beneath_another_root(operator):
    answer = operator.post("/pipelines/invoke/hello", {}, environ_overrides={"SCRIPT_NAME": "/shop"})

    assert answer.headers["Location"].startswith(f"/shop{API}/runs/")


def test_a_run_needs_no_body(operator):
    answer = operator("POST", "/pipelines/invoke/hello")

    assert answer.status_code == 202
    assert operator.client.get(answer.headers["Location"]).json["payload"] == {}


def test_a_run_is_stored_where_the_broker_is_away(make_app):
    caller = Caller(make_app(PYPELINE_BROKER_URL=NOWHERE), KEYS["operator"])

    run_id = caller.invoke("hello")

    assert caller.get(f"/pipelines/results/{run_id}").status_code == 202
    run = caller.get(f"/runs/{run_id}").json
    assert (run["counts"]["queued"], run["error"]) == (1, None)
    assert "hidden" not in caller.get(f"/runs/{run_id}").text


# — the same key —


def test_the_same_key_and_body_is_the_same_run(operator):
    first, second = invoke(operator, "k", {"a": 1, "b": 2}), invoke(operator, "k", {"b": 2, "a": 1})

    assert first.json == second.json
    assert first.headers["Location"] == second.headers["Location"]
    assert len(operator.get("/runs").json["runs"]) == 1


@pytest.mark.parametrize(
    "other", [{"payload": {"a": 2}}, {"payload": {"a": 1}, "task_replacements": {"greet": 0}}]
)
def test_the_same_key_with_another_body_is_422(operator, other):
    invoke(operator, "k", {"a": 1})

    assert "use a new key" in problem_of(invoke(operator, "k", **other), 422)
    assert len(operator.get("/runs").json["runs"]) == 1


def test_the_same_key_at_the_same_time_is_one_run(app):
    callers = [Caller(app, KEYS["operator"]) for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda caller: invoke(caller, "k"), callers))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json["execution_id"] for answer in answers}) == 1


def test_a_key_belongs_to_its_pipeline(operator):
    one, other = invoke(operator, "k"), invoke(operator, "k", pipeline="squares")

    assert one.json["execution_id"] != other.json["execution_id"]


def test_a_key_of_a_request_that_was_refused_is_free(operator):
    problem_of(invoke(operator, "k", {}, "strict"), 422)

    assert invoke(operator, "k", {"day": "mon", "size": 1}, "strict").status_code == 202


def test_a_key_of_a_run_that_has_ended_is_still_that_run(worked):
    run_id = invoke(worked, "k").json["execution_id"]
    worked.ended(run_id)

    assert invoke(worked, "k").json["execution_id"] == run_id


# — settings of a pipeline —


def test_what_a_pipeline_demands_is_checked_before_there_is_a_run(operator):
    answer = operator.post("/pipelines/invoke/strict", {"chain_payload": {"size": 10}})

    detail = problem_of(answer, 422)
    assert "day" in detail
    assert "size" in detail
    assert operator.get("/runs").json["runs"] == []


def test_defaults_of_a_pipeline_are_filled_in(operator):
    run_id = operator.invoke("strict", {"day": "mon", "size": 1})

    assert operator.get(f"/runs/{run_id}").json["payload"] == {"day": "mon", "size": 1, "lang": "fr"}


def test_which_of_several_handlers_runs_is_said_at_the_start(worked):
    payload = {"day": "mon", "size": 1, "count": 2}

    first = worked.invoke("strict", payload)
    second = worked.invoke("strict", payload, task_replacements={"ask": 1})

    assert worked.ended(first)["result"] == "hello you in fr"
    assert worked.ended(second)["result"] == [0, 1]


@pytest.mark.parametrize(
    ("replacements", "word"), [({"ask": 2}, "0 to 1"), ({"ask": -1}, "0 to 1"), ({"nothing": 0}, "no node")]
)
def test_a_replacement_that_is_not_there_is_422(operator, replacements, word):
    body = {"chain_payload": {"day": "mon", "size": 1}, "task_replacements": replacements}

    assert word in problem_of(operator.post("/pipelines/invoke/strict", body), 422)
    assert operator.get("/runs").json["runs"] == []


@pytest.mark.parametrize("payload", [[], "text", 1, None, True])
def test_a_payload_that_is_no_object_is_422(operator, payload):
    problem_of(operator.post("/pipelines/invoke/hello", {"chain_payload": payload}), 422)


# — results —


def test_results_are_202_until_the_run_has_ended(worked, folder):
    go = folder / "go"
    run_id = worked.invoke("waits", {"go": str(go)})

    waiting = worked.get(f"/pipelines/results/{run_id}")
    go.touch()
    ended = worked.ended(run_id)

    assert (waiting.status_code, waiting.headers["Retry-After"]) == (202, "1")
    assert (waiting.json["status"], waiting.json["result"], waiting.json["results"]) == ("pending", None, {})
    assert "0 of 2 nodes" in waiting.json["status_message"]
    assert (ended["status"], ended["result"]) == ("success", "hello you in en")
    for document in (waiting.json, ended):
        assert Results.model_validate(document).model_dump() == document


def test_the_results_of_several_final_nodes_are_by_name(worked):
    ended = worked.ended(worked.invoke("two-ends", {"count": 3, "lang": "it"}))

    assert ended["results"] == {"square": [0, 1, 4], "greet": "hello you in it"}
    assert ended["result"] is None


def test_a_run_that_failed_says_why(worked):
    ended = worked.ended(worked.invoke("fails", {"said": "no bread"}))

    assert (ended["status"], ended["result"]) == ("failed", None)
    assert "ValueError: no bread" in ended["status_message"]


def test_a_run_that_was_cancelled_says_so(operator):
    run_id = operator.invoke("squares")
    operator.post(f"/runs/{run_id}/cancel")

    answer = operator.get(f"/pipelines/results/{run_id}")

    assert (answer.status_code, answer.json["status"]) == (200, "cancelled")
