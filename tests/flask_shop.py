"""A small shop behind a Flask application: its handlers, its configuration, its keys and its callers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worker_shop import wait_until

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

API = "/api/v1"
KEYS = {"admin": "secret-of-ann", "operator": "secret-of-otto", "reader": "secret-of-rita"}
NAMES = {"admin": "ann", "operator": "otto", "reader": "rita"}
ACCESS_KEYS = ",".join(f"{NAMES[role]}:{role}:{secret}" for role, secret in KEYS.items())
PROBLEM = "application/problem+json"

CONFIG = """\
serviceConfig:
  - name: worker
    registeredTasks:
      - {handler: flask_shop.greet, event: {lang: en}}
      - {handler: flask_shop.numbers}
      - {handler: flask_shop.square}
      - {handler: flask_shop.total}
      - {handler: flask_shop.fails}
      - {handler: flask_shop.waits}
pipelines:
  hello:
    name: Hello
    description: Says hello.
    config:
      metadata: {queue: q}
      dagAdjacency: {greet: []}
      taskDefinitions: {greet: {handler: flask_shop.greet}}
  squares:
    config:
      metadata: {queue: q}
      dagAdjacency: {numbers: [square], square: [total]}
      taskDefinitions:
        numbers: {handler: flask_shop.numbers}
        square: {handler: flask_shop.square, forEach: numbers}
        total: {handler: flask_shop.total}
  two-ends:
    config:
      metadata: {queue: q}
      dagAdjacency: {numbers: [square], greet: []}
      taskDefinitions:
        numbers: {handler: flask_shop.numbers}
        square: {handler: flask_shop.square, forEach: numbers}
        greet: {handler: flask_shop.greet}
  fails:
    config:
      metadata: {queue: q, maxRetry: 0}
      dagAdjacency: {numbers: [fails]}
      taskDefinitions: {numbers: {handler: flask_shop.numbers}, fails: {handler: flask_shop.fails}}
  waits:
    config:
      metadata: {queue: q}
      dagAdjacency: {waits: [greet]}
      taskDefinitions: {waits: {handler: flask_shop.waits}, greet: {handler: flask_shop.greet}}
  strict:
    schemaVersion: 2
    config:
      metadata: {queue: q}
      dagAdjacency: {ask: []}
      taskDefinitions: {ask: {handlers: [flask_shop.greet, flask_shop.numbers]}}
      settings:
        required: [day, size]
        properties:
          day: {dataType: string}
          size: {dataType: int, minimum: 1, maximum: 9}
          lang: {dataType: string, default: fr}
scheduledTasks:
  nightly:
    name: Nightly greeting
    config:
      scheduleType: crontab
      task: flask_shop.greet
      schedule: {minute: '0', hour: '2'}
"""


def greet(event: dict[str, Any]) -> str:
    return f"hello {event.get('name', 'you')} in {event.get('lang')}"


def numbers(event: dict[str, Any]) -> list[int]:
    return list(range(event.get("count", 3)))


def square(event: dict[str, Any]) -> int:
    return event["item"] ** 2  # type: ignore[no-any-return]


def total(event: dict[str, Any], square: list[int]) -> dict[str, int]:
    return {"total": sum(square)}


def fails(event: dict[str, Any]) -> None:
    raise ValueError(event.get("said", "it went wrong"))


def waits(event: dict[str, Any]) -> str:
    while not Path(event["go"]).exists():
        time.sleep(0.02)
    return "went"


class Caller:
    """
    Somebody who sends requests to the API with a key.

    ``get``, ``post`` … take a path beneath it; ``json`` is the body, all else as Werkzeug's test client.
    """

    def __init__(self, app: Flask, key: str | None = None, *, prefix: str = API) -> None:
        self.client: FlaskClient = app.test_client()
        self._prefix = prefix
        if key is not None:
            self.client.environ_base["HTTP_ACCESSKEY"] = key

    def __call__(self, method: str, path: str, **sent: Any) -> TestResponse:
        return self.client.open(self._prefix + path, method=method, **sent)

    def get(self, path: str, **sent: Any) -> TestResponse:
        return self("GET", path, **sent)

    def post(self, path: str, json: Any = None, **sent: Any) -> TestResponse:
        return self("POST", path, json=json, **sent)

    def invoke(self, pipeline: str = "hello", payload: dict[str, Any] | None = None, **more: Any) -> str:
        """The id of a new run."""
        answer = self.post(f"/pipelines/invoke/{pipeline}", {"chain_payload": payload or {}, **more})
        assert answer.status_code == 202, answer.text
        return answer.json["execution_id"]  # type: ignore[index, no-any-return]

    def ended(self, run_id: str) -> dict[str, Any]:
        """What ``/pipelines/results`` says of a run once it has ended."""
        path = f"/pipelines/results/{run_id}"
        wait_until(lambda: self.get(path).status_code == 200, lambda: self.get(path).text)
        return self.get(path).json  # type: ignore[return-value]


def problem_of(answer: TestResponse, status: int) -> str:
    """The detail of an answer that is a problem document of this status, as each of them is to be."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == PROBLEM
    assert answer.headers["Cache-Control"] == "no-store"
    document = answer.json
    assert document is not None
    assert document["status"] == status
    assert document["type"] == "about:blank"
    assert document["title"]
    assert isinstance(document["detail"], str)
    return document["detail"]  # type: ignore[no-any-return]
