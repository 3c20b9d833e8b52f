"""The errors that an operation may end with, as its OpenAPI document names them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pypeline.flask.access import Role
from pypeline.flask.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from pypeline.flask.operations import Operation

_MEANING = {
    HTTPStatus.BAD_REQUEST: "The body is not JSON.",
    HTTPStatus.UNAUTHORIZED: "There is no key, or one that is not known.",
    HTTPStatus.FORBIDDEN: "The role of the key is too low.",
    HTTPStatus.NOT_FOUND: "There is nothing of this name.",
    HTTPStatus.CONFLICT: "It cannot be done as things stand.",
    HTTPStatus.GONE: "It was there, and has been deleted.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not said to be JSON.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Something that was sent cannot be used.",
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "The database cannot be reached, or is not ready. `detail` says so where a change may have been made."
    ),
}
_HEADERS = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "How a key is sent."},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "Seconds to wait before the next try."},
}
_OF_BODIES = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)
_OF_ALL = (HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)


def problems_of(operation: Operation) -> list[HTTPStatus]:
    """All of them: its own, and those of every operation that takes what it takes."""
    found = {*_OF_ALL, *operation.problems}
    if operation.role > Role.READER:
        found.add(HTTPStatus.FORBIDDEN)
    if "<" in operation.rule:
        found.add(HTTPStatus.NOT_FOUND)
    if operation.body is not None:
        found.update(_OF_BODIES)
    return sorted(found)


def problem_refs(operation: Operation) -> dict[str, Any]:
    """The answers of an operation to what goes wrong, by status."""
    return {
        str(status.value): {"$ref": f"#/components/responses/{_name(status)}"}
        for status in problems_of(operation)
    }


def problem_responses(problem: dict[str, Any]) -> dict[str, Any]:
    """What those refer to; ``problem`` is the schema of their body."""
    return {
        _name(status): {
            "description": meaning,
            "headers": {
                name: {"description": text, "required": True, "schema": {"type": "string"}}
                for name, text in _HEADERS.get(status, {}).items()
            },
            "content": {MEDIA_TYPE: {"schema": problem, "example": _example(status, meaning)}},
        }
        for status, meaning in _MEANING.items()
    }


def _example(status: HTTPStatus, meaning: str) -> dict[str, Any]:
    return {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": meaning}


def _name(status: HTTPStatus) -> str:
    # Not by its phrase: Python changes some of those from release to release.
    return f"Problem{status.value}"
