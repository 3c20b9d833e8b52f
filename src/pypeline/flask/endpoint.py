"""From an operation to the function that Flask calls: admit, read, note, do, answer."""

from __future__ import annotations

from contextlib import nullcontext
from functools import wraps
from typing import TYPE_CHECKING, Any

from flask import g, request

from pypeline.flask.answers import respond
from pypeline.flask.auditing import note
from pypeline.flask.installation import installation
from pypeline.flask.models.common import Given
from pypeline.flask.problems import which_may_be_done
from pypeline.flask.reading import (
    IDEMPOTENCY_KEY,
    read_body,
    read_query,
    refuse_key,
    require_headers,
    require_text,
)

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
        _check_headers(operation)
        given = _given(operation, here.settings.max_request)
        if operation.action is not None:
            note(here.application.audit, g.pypeline_caller, operation, path, given.get("body"))
        with nullcontext() if operation.action is None else which_may_be_done(_remedy(operation)):
            answer = operation.view(here, **path, **given)
        g.pypeline_run = answer.run_id
        return respond(answer)

    return call


def _check_headers(operation: Operation) -> None:
    require_headers(operation.headers)
    if operation.action is not None and IDEMPOTENCY_KEY not in operation.headers:
        refuse_key()


def _given(operation: Operation, most: int) -> dict[str, Any]:
    query = read_query(operation.query or Given)
    given: dict[str, Any] = {} if operation.query is None else {"query": query}
    if operation.body is not None:
        given["body"] = read_body(operation.body, most)
    return given


def _remedy(operation: Operation) -> str:
    """What a caller does who cannot know whether it was done."""
    if IDEMPOTENCY_KEY not in operation.headers:
        return "look before you send it again"
    if IDEMPOTENCY_KEY in request.headers:
        return f"send it again with the same {IDEMPOTENCY_KEY}"
    return f"look before you send it again, and give requests an {IDEMPOTENCY_KEY} from the first time on"
