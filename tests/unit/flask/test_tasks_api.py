"""Single tasks over HTTP: registered ones, handed to workers."""

from __future__ import annotations

import pytest

from flask_shop import API, KEYS, Caller, problem_of
from pypeline.flask.models.tasks import Published


def test_a_task_becomes_a_run_of_one_node(operator):
    answer = operator.post("/tasks/publish", {"task": "flask_shop.greet", "payload": {"name": "ann"}})

    assert answer.status_code == 202
    run_id = answer.json["execution_id"]
    assert Published.model_validate(answer.json).model_dump() == answer.json
    assert answer.headers["Location"] == f"{API}/runs/{run_id}"
    run = operator.get(f"/runs/{run_id}").json
    assert (run["trigger"], run["payload"], len(run["nodes"])) == ("publish", {"name": "ann"}, 1)
    assert run["nodes"][0]["queue"] == "pypeline"


def test_a_task_goes_to_the_queue_that_is_named(operator):
    run_id = operator.post("/tasks/publish", {"task": "flask_shop.greet", "queue": "slow"}).json[
        "execution_id"
    ]

    assert operator.get(f"/runs/{run_id}").json["nodes"][0]["queue"] == "slow"


@pytest.mark.parametrize("queue", [None, "never-heard-of"])
def test_a_task_is_done_where_the_application_runs_its_handlers(worked, queue):
    answer = worked.post(
        "/tasks/publish", {"task": "flask_shop.greet", "queue": queue, "payload": {"name": "ann"}}
    )

    assert worked.ended(answer.json["execution_id"])["result"] == "hello ann in en"


@pytest.mark.parametrize(
    "task",
    [
        "os.system",
        "flask_shop.wait_until",
        "flask_shop",
        "",
        "flask_shop.greet ",
        "builtins.eval",
        "pypeline.run",
    ],
)
def test_what_is_not_registered_is_refused_and_nothing_is_kept(operator, task):
    assert "no registered task" in problem_of(operator.post("/tasks/publish", {"task": task}), 422)
    assert operator.get("/runs").json["runs"] == []


def test_a_slip_of_the_pen_is_told(operator):
    assert "flask_shop.greet" in problem_of(operator.post("/tasks/publish", {"task": "flask_shop.gret"}), 422)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"task": "flask_shop.greet", "payload": []},
        {"task": "flask_shop.greet", "max_ttl": -1},
        {"task": 7},
        {"other": 1},
    ],
)
def test_a_body_that_names_no_such_task_is_422(operator, body):
    problem_of(operator.post("/tasks/publish", body), 422)
    assert operator.get("/runs").json["runs"] == []


def test_a_task_is_stored_where_the_broker_is_away(make_app):
    caller = Caller(make_app(PYPELINE_BROKER_URL="amqp://nobody@127.0.0.1:1//"), KEYS["operator"])

    answer = caller.post("/tasks/publish", {"task": "flask_shop.greet"})

    assert answer.status_code == 202
    assert caller.get(f"/runs/{answer.json['execution_id']}").json["counts"]["queued"] == 1
