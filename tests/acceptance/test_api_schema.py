"""What the API says of itself is what it does: schemathesis tries the document that it serves."""

from __future__ import annotations

import sys
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from flask import Flask
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from werkzeug.serving import WSGIRequestHandler, make_server

from flask_shop import ACCESS_KEYS, API, KEYS
from pypeline.flask import FlaskPypeline
from pypeline.flask.api import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HANDLERS = """
def refresh(event): return {"day": event.get("day")}
def count(event): return [1, 2, 3]
def square(event): return event["item"] ** 2
def fails(event): raise ValueError("it went wrong")
"""
# With the names that the examples in the document have.
CONFIG = """
serviceConfig:
  - name: worker
    registeredTasks:
      - {handler: demo.tasks.refresh}
      - {handler: demo.tasks.count}
      - {handler: demo.tasks.square}
      - {handler: demo.tasks.fails}
pipelines:
  document-stats:
    config:
      metadata: {queue: q}
      dagAdjacency: {count: [square]}
      taskDefinitions:
        count: {handler: demo.tasks.count}
        square: {handler: demo.tasks.square, forEach: count}
  fails:
    config:
      metadata: {queue: q, maxRetry: 0}
      dagAdjacency: {fails: []}
      taskDefinitions: {fails: {handler: demo.tasks.fails}}
"""
EXAMPLES = 10  # per operation and phase
CHECKS = {
    "allow_header_conformance",
    "content_type_conformance",
    "ensure_resource_availability",
    "ignored_auth",
    "missing_required_header",
    "negative_data_rejection",
    "not_a_server_error",
    "positive_data_acceptance",
    "response_headers_conformance",
    "response_schema_conformance",
    "status_code_conformance",
    "unsupported_method",
    "use_after_free",
}
ACCEPTING = ["2xx", "304", "401", "403", "404", "409", "410"]
# What these take has rules that JSON Schema cannot say; and it cannot tell a cursor from other texts.
REFUSING = [
    *(one.name for one in OPERATIONS if one.query is not None and "cursor" in one.query.model_fields),
    "create_schedule",
    "invoke_pipeline",
    "patch_schedule",
    "preview_times",
    "publish_task",
    "put_schedule",
    "retry_run",
]


class Quiet(WSGIRequestHandler):
    """Thousands of lines would hide what failed."""

    def log_request(self, *_: object) -> None: ...


@dataclass
class Tried:
    """What came of a round: the failures, the statuses of the answers, and the checks that were made."""

    failures: list[str] = field(default_factory=list)
    answers: set[int] = field(default_factory=set)
    checks: set[str] = field(default_factory=set)

    def add(self, event: events.EngineEvent) -> None:
        if isinstance(event, events.NonFatalError | events.FatalError):
            self.failures.append(repr(event))
        if isinstance(event, events.ScenarioFinished):
            seen = event.recorder.interactions.values()
            self.answers.update(one.response.status_code for one in seen if one.response is not None)
            checks = [one for made in event.recorder.checks.values() for one in made]
            self.checks.update(one.name for one in checks)
            self.failures += [told(event.label, one.failure_info) for one in checks if one.failure_info]


def told(label: str | None, found: Any) -> str:
    return f"{label}: {found.failure.title}: {found.failure.message}\n{found.code_sample}"


@contextmanager
def served(folder: Path, **settings: str) -> Iterator[str]:
    """The URL of an API on a port of this machine; it runs its handlers itself."""
    app = Flask("demo")
    database = f"sqlite:///{folder / 'runs.db'}"
    app.config.update(PYPELINE_DATABASE_URL=database, PYPELINE_CONFIG=str(folder / "sermos.yaml"), **settings)
    FlaskPypeline(app, init_api=True)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with closing(app.extensions["pypeline"].link):
        try:
            yield f"http://127.0.0.1:{server.server_port}{API}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def tried(url: str, **settings: Any) -> Tried:
    """Every check of schemathesis, on every operation, in all its phases, the same at each round."""
    more = {"positive_data_acceptance": {"expected-statuses": [*ACCEPTING, "422"]}}
    schema = schemathesis.openapi.from_url(
        f"{url}/openapi.json",
        config=SchemathesisConfig.from_dict(
            {
                "seed": 1,
                "generation": {"max-examples": EXAMPLES},
                "checks": {"positive_data_acceptance": {"expected-statuses": ACCEPTING}},
                "operations": [{"include-operation-id": REFUSING, "checks": more}],
                **settings,
            }
        ),
    )
    found = Tried()
    for event in from_schema(schema).execute():
        found.add(event)
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder, with a configuration and its package."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sermos.yaml").write_text(CONFIG)
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "__init__.py").touch()
    (tmp_path / "demo" / "tasks.py").write_text(HANDLERS)
    yield tmp_path
    for name in ("demo", "demo.tasks"):
        sys.modules.pop(name, None)


def test_the_api_is_as_described_for_who_has_a_key(folder: Path) -> None:
    with served(folder, PYPELINE_ACCESS_KEYS=ACCESS_KEYS) as url:
        found = tried(url, auth={"openapi": {"accesskey": {"api_key": KEYS["admin"]}}})

    assert found.failures == []
    assert found.checks >= CHECKS
    assert {200, 201, 202, 204, 404, 405, 409, 422} <= found.answers


def test_the_api_is_as_described_where_no_key_is_configured(folder: Path) -> None:
    with served(folder) as url:
        found = tried(url)

    assert found.failures == []
    assert {200, 201, 202, 204, 404, 405, 409, 422} <= found.answers
    assert 401 not in found.answers


def test_who_has_no_key_is_answered_nothing_else(folder: Path) -> None:
    with served(folder, PYPELINE_ACCESS_KEYS=ACCESS_KEYS) as url:
        found = tried(url)

    assert found.failures == []
    # OPTIONS, which Flask answers, says what methods a path takes.
    assert found.answers == {200, 401, 405}
