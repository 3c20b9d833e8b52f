"""From an operation to the function that Flask calls: admit, read, note, do, answer."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from flask import g

from pypeline.flask.answers import respond
from pypeline.flask.auditing import note
from pypeline.flask.installation import installation
from pypeline.flask.reading import read_body, read_query, require_headers, require_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Response

    from pypeline.flask.operations import Operation


def endpoint(operation: Operation) -> Callable[..., Response]:
    """What answers requests of this operation. It raises what a `ProblemBlueprint` answers."""

    @wraps(operation.view)
    def call(**path: str) -> Response:
        here = installation()
        g.pypeline_caller = here.gate.admit(operation.role)
        require_text(path)
        require_headers(operation.headers)
        given = _given(operation, here.settings.max_request)
        if operation.action is not None:
            note(here.application.audit, g.pypeline_caller, operation, path, given.get("body"))
        answer = operation.view(here, **path, **given)
        g.pypeline_run = answer.run_id
        return respond(answer)

    return call


def _given(operation: Operation, most: int) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if operation.query is not None:
        given["query"] = read_query(operation.query)
    if operation.body is not None:
        given["body"] = read_body(operation.body, most)
    return given
