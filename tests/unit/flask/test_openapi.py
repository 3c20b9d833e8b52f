"""The OpenAPI document that is served with the API."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from openapi_spec_validator import validate

from flask_shop import KEYS, Caller, problem_of
from pypeline.flask.api import OPERATIONS
from pypeline.flask.openapi import openapi_document

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from pypeline.flask.operations import Operation

DOCUMENT = openapi_document(OPERATIONS, server="/api/v1", with_keys=True)
KEYS_NEEDED = [{"accesskey": []}, {"bearer": []}]


def described(name: str) -> dict[str, Any]:
    return next(
        operation
        for path in DOCUMENT["paths"].values()
        for operation in path.values()
        if operation["operationId"] == name
    )


def parameters(name: str, place: str) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in described(name)["parameters"] if one["in"] == place}


def by_name(operation: Operation) -> str:
    return operation.name


def test_the_document_is_valid():
    validate(DOCUMENT)


def test_the_document_has_every_operation_and_no_other():
    found = {
        (method.upper(), path.replace("{", "<").replace("}", ">"))
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
    }

    assert found == {(operation.method, operation.rule) for operation in OPERATIONS}


@pytest.mark.parametrize("operation", OPERATIONS, ids=by_name)
def test_each_operation_says_what_it_does_and_which_role_it_takes(operation: Operation):
    found = described(operation.name)

    assert found["summary"]
    assert found["description"].endswith(f"Needs the role `{operation.role.word}`.")
    assert found["tags"] == [operation.tag]


@pytest.mark.parametrize("operation", OPERATIONS, ids=by_name)
def test_each_operation_answers_its_models_as_json(operation: Operation):
    found = described(operation.name)["responses"]

    for status, model in operation.answers.items():
        schema = {"$ref": f"#/components/schemas/{model.__name__}"} if model else None
        content = {"application/json": {"schema": schema}} if schema else None
        assert found[str(status.value)].get("content") == content


def test_a_model_has_one_name_and_each_name_is_used():
    names = set(DOCUMENT["components"]["schemas"])

    assert all(re.fullmatch("[A-Z][A-Za-z]+", name) for name in names)
    assert names == set(re.findall("#/components/schemas/([^']+)", str(DOCUMENT)))


def test_a_question_may_end_without_a_key_without_the_database_and_with_its_own_problems():
    problems = {status for status in described("get_results")["responses"] if status >= "400"}

    assert problems == {"401", "404", "410", "422", "503"}


def test_what_takes_a_body_may_also_end_with_what_is_wrong_with_it():
    problems = {status for status in described("invoke_pipeline")["responses"] if status >= "400"}

    assert problems == {"400", "401", "403", "404", "413", "415", "422", "503"}


@pytest.mark.parametrize("name", DOCUMENT["components"]["responses"])
def test_a_problem_is_a_problem_document(name: str):
    [(media_type, content)] = DOCUMENT["components"]["responses"][name]["content"].items()

    assert media_type == "application/problem+json"
    assert content["schema"] == {"$ref": "#/components/schemas/ProblemDocument"}


def test_a_challenge_and_a_time_to_wait_are_headers_of_their_problems():
    responses = DOCUMENT["components"]["responses"]

    assert list(responses["Problem401"]["headers"]) == ["WWW-Authenticate"]
    assert list(responses["Problem503"]["headers"]) == ["Retry-After"]


def test_a_body_is_required_where_something_in_it_is():
    assert described("create_schedule")["requestBody"]["required"]
    assert not described("retry_run")["requestBody"]["required"]


def test_a_body_comes_with_examples():
    body = described("invoke_pipeline")["requestBody"]

    assert body["content"] == {"application/json": {"schema": {"$ref": "#/components/schemas/InvokeBody"}}}
    assert DOCUMENT["components"]["schemas"]["InvokeBody"]["examples"]


def test_an_accepted_run_has_a_location():
    assert list(described("invoke_pipeline")["responses"]["202"]["headers"]) == ["Location"]


def test_what_may_not_have_changed_takes_and_answers_its_version():
    found = described("get_run")["responses"]

    assert "If-None-Match" in parameters("get_run", "header")
    assert [list(found[status]["headers"]) for status in ("200", "304")] == [["ETag"], ["ETag"]]
    assert "content" not in found["304"]


def test_parameters_are_of_the_path_the_query_and_the_headers():
    assert list(parameters("get_run", "path")) == ["execution_id"]
    assert {"limit", "cursor", "pipeline", "state"} <= set(parameters("list_runs", "query"))
    assert list(parameters("invoke_pipeline", "header")) == ["Idempotency-Key"]


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.query], ids=by_name)
def test_no_query_parameter_is_null(operation: Operation):
    assert "null" not in str(parameters(operation.name, "query"))


def test_a_parameter_that_is_left_out_is_its_default():
    limit = parameters("list_runs", "query")["limit"]

    assert not limit["required"]
    assert limit["schema"] == {"type": "integer", "default": 50, "minimum": 1, "maximum": 500}


def test_a_parameter_without_a_default_is_required():
    assert parameters("preview_times", "query")["cron"]["required"]


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.query], ids=by_name)
def test_no_query_parameter_takes_what_no_database_keeps(operation: Operation, admin: Caller):
    path = operation.rule.replace("<", "").replace(">", "")
    for name in parameters(operation.name, "query"):
        answer = admin.get(f"{path}?{name}={quote(chr(0))}")

        assert name in problem_of(answer, HTTPStatus.UNPROCESSABLE_ENTITY)


def test_it_is_served_to_everybody_where_there_are_keys(app: Flask):
    answer = Caller(app).get("/openapi.json")

    assert answer.status_code == HTTPStatus.OK
    assert answer.json == DOCUMENT
    assert DOCUMENT["security"] == KEYS_NEEDED


def test_where_no_key_is_configured_it_takes_none(make_app: Callable[..., Flask]):
    document = Caller(make_app(PYPELINE_ACCESS_KEYS=None)).get("/openapi.json").json

    assert document["security"] == [*KEYS_NEEDED, {}]


def test_where_no_key_is_configured_other_machines_do_not_get_it(make_app: Callable[..., Flask]):
    caller = Caller(make_app(PYPELINE_ACCESS_KEYS=None))

    problem_of(caller.get("/openapi.json", headers={"X-Forwarded-For": "203.0.113.9"}), 401)


def test_it_is_not_sent_again_to_who_has_it(reader: Caller):
    version = reader.get("/openapi.json").headers["ETag"]

    answer = reader.get("/openapi.json", headers={"If-None-Match": version})

    assert answer.status_code == HTTPStatus.NOT_MODIFIED
    assert answer.data == b""


def test_its_paths_lie_where_the_api_was_put(make_app: Callable[..., Flask]):
    caller = Caller(make_app(extension={"url_prefix": "/jobs"}), KEYS["reader"], prefix="/jobs")

    below_a_proxy = caller.get("/openapi.json", environ_overrides={"SCRIPT_NAME": "/tools"})

    assert caller.get("/openapi.json").json["servers"] == [{"url": "/jobs"}]
    assert below_a_proxy.json["servers"] == [{"url": "/tools/jobs"}]
