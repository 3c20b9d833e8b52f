"""Runs over HTTP: lists, documents that are polled, cancelling and retrying."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from flask_shop import KEYS, Caller, problem_of
from pypeline.flask.models.runs import NodePage, Run, RunPage
from pypeline.store.records import NODE, AttemptRef, Progress, ProgressReport, WorkerBeat
from worker_shop import wait_until


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [run["execution_id"] for run in answer.json["runs"]]


def again(caller, path, tag):
    return caller.get(path, headers={"If-None-Match": tag})


# — lists —


def test_runs_are_listed_newest_first(operator):
    made = [operator.invoke() for _ in range(3)]

    answer = operator.get("/runs")

    assert ids(answer) == made[::-1]
    assert RunPage.model_validate(answer.json).model_dump(mode="json") == answer.json


def test_runs_are_found_by_pipeline_state_and_trigger(operator):
    hello, squares = operator.invoke("hello"), operator.invoke("squares")
    published = operator.post("/tasks/publish", {"task": "flask_shop.greet"}).json["execution_id"]
    operator.post(f"/runs/{squares}/cancel")

    assert ids(operator.get("/runs?pipeline=hello")) == [hello]
    assert ids(operator.get("/runs?state=cancelled")) == [squares]
    assert ids(operator.get("/runs?trigger=api")) == [squares, hello]
    assert ids(operator.get("/runs?trigger=publish")) == [published]
    assert ids(operator.get("/runs?trigger=api&state=cancelled&pipeline=hello")) == []
    assert ids(operator.get("/runs?pipeline=nothing")) == []


def test_runs_are_found_by_when_they_were_made(operator):
    run_id = operator.invoke()
    created = datetime.fromisoformat(operator.get(f"/runs/{run_id}").json["created_at"])
    later = created + timedelta(microseconds=1)

    def between(since, until):
        query = {"since": since.isoformat(), "until": until.isoformat()}
        return ids(operator.get("/runs", query_string=query))

    assert between(created, later) == [run_id]
    assert between(later, later + timedelta(days=1)) == []
    assert between(created - timedelta(days=1), created) == []


def test_a_time_may_have_any_zone(operator):
    run_id = operator.invoke()
    created = datetime.fromisoformat(operator.get(f"/runs/{run_id}").json["created_at"])

    there = created.astimezone(UTC) - timedelta(minutes=1)
    text = there.strftime("%Y-%m-%dT%H:%M:%S.%f") + "%2B00:00"
    far = (there + timedelta(hours=14)).strftime("%Y-%m-%dT%H:%M:%S") + "%2B14:00"

    assert ids(operator.get(f"/runs?since={text}")) == [run_id]
    assert ids(operator.get(f"/runs?since={far}")) == [run_id]


# — documents that are polled —


@pytest.mark.parametrize("path", ["/runs/{}", "/runs/{}/nodes"])
class TestPolling:
    def test_what_has_not_changed_is_not_sent_again(self, operator, path):
        path = path.format(operator.invoke("squares"))
        tag = operator.get(path).headers["ETag"]

        answer = again(operator, path, tag)

        assert (answer.status_code, answer.data) == (304, b"")
        assert answer.headers["ETag"] == tag

    def test_tags_are_compared_as_http_says(self, operator, path):
        path = path.format(operator.invoke("squares"))
        tag = operator.get(path).headers["ETag"]
        strong = tag.removeprefix("W/")

        for held in ("*", strong, f'"other", {tag}', f'{strong}, "other"', f"W/{strong}"):
            assert again(operator, path, held).status_code == 304, held
        for other in ('"other"', 'W/"other"', '"other", "another"', "", "nonsense", '"'):
            assert again(operator, path, other).status_code == 200, other

    def test_a_cancel_changes_it(self, operator, path):
        run_id = operator.invoke("squares")
        path = path.format(run_id)
        tag = operator.get(path).headers["ETag"]

        operator.post(f"/runs/{run_id}/cancel")

        assert again(operator, path, tag).status_code == 200
        assert again(operator, path, tag).headers["ETag"] != tag

    def test_a_retry_changes_it(self, operator, path):
        run_id = operator.invoke("squares")
        path = path.format(run_id)
        operator.post(f"/runs/{run_id}/cancel")
        tag = operator.get(path).headers["ETag"]

        operator.post(f"/runs/{run_id}/retry", {})

        assert again(operator, path, tag).status_code == 200

    def test_each_step_of_a_run_changes_it(self, worked, folder, path):
        go = folder / "go"
        run_id = worked.invoke("waits", {"go": str(go)})
        path = path.format(run_id)
        wait_until(
            lambda: worked.get(f"/runs/{run_id}").json["counts"]["running"] == 1, lambda: "not running"
        )
        tag = worked.get(path).headers["ETag"]

        go.touch()
        worked.ended(run_id)

        answer = again(worked, path, tag)
        assert answer.status_code == 200
        assert again(worked, path, answer.headers["ETag"]).status_code == 304

    def test_another_run_has_another_tag(self, operator, path):
        one, other = path.format(operator.invoke()), path.format(operator.invoke())

        assert again(operator, other, operator.get(one).headers["ETag"]).status_code == 200

    def test_who_may_not_look_is_not_told_that_nothing_changed(self, app, operator, path):
        path = path.format(operator.invoke())
        tag = operator.get(path).headers["ETag"]

        problem_of(again(Caller(app), path, tag), 401)

    def test_a_run_that_is_not_there_is_404_whatever_is_held(self, operator, path):
        problem_of(again(operator, path.format("nothing"), "*"), 404)

    def test_answers_are_not_kept_by_others(self, operator, path):
        assert "private" in operator.get(path.format(operator.invoke())).headers["Cache-Control"]


def test_the_progress_of_a_handler_changes_the_tag(app, operator):
    path = f"/runs/{operator.invoke()}"
    store = app.extensions["pypeline"].application._store
    ref = AttemptRef(path.removeprefix("/runs/"), 0, NODE, 1)
    store.claim(ref, token=str(uuid.uuid4()), worker="w", lease=30.0)
    tag = operator.get(path).headers["ETag"]

    store.progress.note([ProgressReport(ref, Progress(3, 7))])

    assert again(operator, path, tag).json["nodes"][0]["progress"] == {"done": 3, "total": 7}


def test_a_worker_that_comes_changes_the_tag_of_what_waited_for_one(app, operator):
    path = f"/runs/{operator.invoke()}"
    store = app.extensions["pypeline"].application._store
    before = operator.get(path)

    store.beat(WorkerBeat("w", "memory:", ("q",)), [], lease=30.0)

    after = again(operator, path, before.headers["ETag"])
    assert after.status_code == 200
    assert after.json["nodes"][0]["why"] != before.json["nodes"][0]["why"]


def test_a_run_shows_its_nodes(worked):
    run_id = worked.invoke("squares", {"count": 2})
    worked.ended(run_id)

    document = worked.get(f"/runs/{run_id}").json

    assert [(one["node"], one["index"], one["result"]) for one in document["nodes"]] == [
        ("numbers", None, [0, 1]),
        ("square", None, [0, 1]),
        ("square", 0, 0),
        ("square", 1, 1),
        ("total", None, {"total": 1}),
    ]
    assert Run.model_validate(document).model_dump(mode="json", exclude_unset=True) == document


def test_nodes_are_found_by_name_and_state(worked):
    run_id = worked.invoke("fails")
    worked.ended(run_id)

    def found(query):
        answer = worked.get(f"/runs/{run_id}/nodes?{query}")
        assert NodePage.model_validate(answer.json).model_dump(mode="json", exclude_unset=True) == answer.json
        return [one["node"] for one in answer.json["nodes"]]

    assert found("state=failed") == ["fails"]
    assert found("node=numbers") == ["numbers"]
    assert found("node=numbers&state=failed") == []


def test_a_node_that_the_pipeline_does_not_have_is_404(operator):
    detail = problem_of(operator.get(f"/runs/{operator.invoke('squares')}/nodes?node=sqare"), 404)

    assert "square" in detail


def test_a_wrong_cursor_is_told_also_to_who_holds_the_page(operator):
    path = f"/runs/{operator.invoke()}/nodes"
    tag = operator.get(path).headers["ETag"]

    problem_of(operator.get(f"{path}?cursor=bm9uZQ", headers={"If-None-Match": tag}), 422)


# — cancelling —


def test_a_run_that_waits_is_cancelled(operator):
    run_id = operator.invoke("squares")

    answer = operator.post(f"/runs/{run_id}/cancel")

    assert (answer.status_code, answer.json["state"]) == (202, "cancelled")
    assert answer.json["cancel_requested"] is True


def test_cancelling_takes_no_body_and_may_be_repeated(operator):
    run_id = operator.invoke("squares")

    states = [operator("POST", f"/runs/{run_id}/cancel").json["state"] for _ in range(2)]

    assert states == ["cancelled", "cancelled"]


def test_a_run_that_has_ended_is_left_as_it_is(worked):
    run_id = worked.invoke()
    worked.ended(run_id)

    assert worked.post(f"/runs/{run_id}/cancel").json["state"] == "success"


def test_an_unknown_run_is_neither_cancelled_nor_retried(operator):
    problem_of(operator.post("/runs/nothing/cancel"), 404)
    problem_of(operator.post("/runs/nothing/retry", {}), 404)


# — retrying —


def test_what_failed_is_done_again(worked):
    run_id = worked.invoke("fails")
    worked.ended(run_id)

    answer = worked.post(f"/runs/{run_id}/retry", {})

    assert answer.status_code == 202
    assert answer.json["execution_id"] == run_id
    worked.ended(run_id)
    nodes = {one["node"]: one["attempt"] for one in worked.get(f"/runs/{run_id}").json["nodes"]}
    assert nodes == {"numbers": 1, "fails": 2}


def test_a_retry_needs_no_body(operator):
    run_id = operator.invoke("squares")
    operator.post(f"/runs/{run_id}/cancel")

    assert operator("POST", f"/runs/{run_id}/retry").status_code == 202


def test_a_run_is_done_again_from_a_node_on(worked):
    run_id = worked.invoke("squares", {"count": 1})
    worked.ended(run_id)

    assert worked.post(f"/runs/{run_id}/retry", {"from_node": "square"}).status_code == 202
    worked.ended(run_id)

    nodes = {
        (one["node"], one["index"]): one["attempt"] for one in worked.get(f"/runs/{run_id}").json["nodes"]
    }
    assert nodes["numbers", None] == 1
    assert nodes["total", None] == 2


@pytest.mark.parametrize("body", [{}, {"from_node": "numbers"}])
def test_a_run_that_goes_on_is_not_retried(operator, body):
    run_id = operator.invoke("squares")

    assert "still going" in problem_of(operator.post(f"/runs/{run_id}/retry", body), 409)


def test_a_run_that_succeeded_has_nothing_to_do_again(worked):
    run_id = worked.invoke()
    worked.ended(run_id)

    detail = problem_of(worked.post(f"/runs/{run_id}/retry", {}), 409)
    assert detail.endswith("nothing in it failed; name a node to run again from")


def test_an_unknown_node_to_retry_from_is_422(operator):
    run_id = operator.invoke("squares")
    operator.post(f"/runs/{run_id}/cancel")

    assert "it has: numbers" in problem_of(operator.post(f"/runs/{run_id}/retry", {"from_node": "x"}), 422)


def test_a_run_of_a_pipeline_that_is_gone_is_shown_and_cancelled(make_app, folder):
    run_id = Caller(make_app(), KEYS["admin"]).invoke("squares")
    path = folder / "sermos.yaml"
    path.write_text(path.read_text().replace("  squares:", "  cubes:"))
    caller = Caller(make_app(), KEYS["admin"])

    assert caller.get(f"/runs/{run_id}").json["pipeline_id"] == "squares"
    assert caller.post(f"/runs/{run_id}/cancel").json["state"] == "cancelled"
