"""What a view answers, and the response that becomes of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import Response, request, url_for
from werkzeug.http import generate_etag

if TYPE_CHECKING:
    from collections.abc import Callable

    from pypeline.flask.bodies import Bodies


@dataclass(frozen=True, slots=True)
class Answer:
    """
    A JSON document, or the bytes of one, with its status and headers.

    ``version`` is a text that changes whenever the document does: the ``ETag`` is made of it. ``run_id`` is
    the run that was started, for the audit.
    """

    document: Any
    status: HTTPStatus = HTTPStatus.OK
    headers: dict[str, str] = field(default_factory=dict)
    version: str | None = None
    run_id: str | None = None


def versioned(
    bodies: Bodies,
    version: str,
    make: Callable[[], Any],
    *,
    is_whole: Callable[[Any], bool] = lambda _: True,
) -> Answer:
    """
    The document of a version, with as little work as can be.

    A caller who holds it gets 304. ``make`` is called where it was not made before. A document that is not
    whole, since something could not be read, may be another one the next time: it has no version.
    """
    if request.if_none_match.contains_weak(_etag(version)):
        return Answer(None, HTTPStatus.NOT_MODIFIED, version=version)
    body = bodies.find(request.full_path, version)
    if body is None:
        document = make()
        if not is_whole(document):
            return Answer(document)
        body = _dumped(document)
        bodies.keep(request.full_path, version, body)
    return Answer(body, version=version)


def accepted(run_id: str, **more: Any) -> Answer:
    """A run that was started: its id, and where it is to be seen."""
    place = url_for(".get_run", execution_id=run_id)
    document = {"execution_id": run_id, **more}
    return Answer(document, HTTPStatus.ACCEPTED, {"Location": place}, run_id=run_id)


def respond(answer: Answer) -> Response:
    """The HTTP response: never cached by others, and to be asked for again each time."""
    headers = {"Cache-Control": "private, no-cache", **answer.headers}
    if answer.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
        response = Response(status=answer.status, headers=headers)
        response.headers.pop("Content-Type", None)
    else:
        body = answer.document if isinstance(answer.document, bytes) else _dumped(answer.document)
        response = Response(body, answer.status, headers, content_type="application/json")
    if answer.version is not None:
        response.set_etag(_etag(answer.version), weak=True)
    return response


def _dumped(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _etag(version: str) -> str:
    return generate_etag(version.encode())
