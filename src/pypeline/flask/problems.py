"""Every error of the API as ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import contextmanager
from functools import wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from pypeline import errors
from pypeline.errors import PypelineError
from pypeline.flask.headers import protect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

AnyView = Callable[..., Any]

MEDIA_TYPE = "application/problem+json"
_LATER = {"Retry-After": "2"}  # seconds
_INTERNAL = "The fault is logged where this runs; the answer says nothing of it."

_STATUS: tuple[tuple[type[PypelineError], HTTPStatus], ...] = (
    (errors.UnknownRun, HTTPStatus.NOT_FOUND),
    (errors.UnknownPipeline, HTTPStatus.NOT_FOUND),
    (errors.UnknownSchedule, HTTPStatus.NOT_FOUND),
    (errors.NotPossible, HTTPStatus.CONFLICT),
    (errors.ScheduleExists, HTTPStatus.CONFLICT),
    (errors.ResultGone, HTTPStatus.GONE),
    (errors.InvalidConfiguration, HTTPStatus.INTERNAL_SERVER_ERROR),
    (errors.ConfigurationNotFound, HTTPStatus.INTERNAL_SERVER_ERROR),
    (errors.InvalidSetting, HTTPStatus.INTERNAL_SERVER_ERROR),
    (errors.InvalidInput, HTTPStatus.UNPROCESSABLE_ENTITY),
    (errors.DatabaseUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.SchemaNotReady, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.ResultStoreUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)

_TOLD: tuple[tuple[type[PypelineError], str], ...] = (
    (errors.DatabaseUnavailable, "the database cannot be reached; try again later"),
    (
        errors.SchemaNotReady,
        "the database does not fit this code: run `pypeline db upgrade`, or install a newer pypeline",
    ),
    (errors.ResultStoreUnavailable, "the store of large results cannot be reached; try again later"),
    (errors.ResultGone, "a large result is no longer kept: retry the run from the node that made it"),
)
"""What callers hear instead of the words of errors that name a server, a user or a folder."""


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """What a request ends with that cannot be answered; ``more`` are further members of the document."""

    def __init__(
        self, status: HTTPStatus, detail: str, *, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.more = more
        super().__init__(detail)


class ProblemBlueprint(Blueprint):
    """
    A blueprint whose views answer whatever they raise as a problem document.

    The views themselves do: to error handlers of a blueprint Flask also hands what the application's own
    ``before_request`` raises, and asks those of the application for a status first.
    """

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: AnyView | None = None,
        provide_automatic_options: bool | None = None,  # noqa: FBT001 - Flask's signature
        **options: Any,
    ) -> None:
        """As Flask's."""
        view = None if view_func is None else _answering(view_func)
        super().add_url_rule(rule, endpoint, view, provide_automatic_options, **options)


def answer_problems(app: Flask) -> None:
    """Let whatever goes wrong in an application that is all ours become a problem document."""
    for kind, answer in _ANSWERS:
        app.register_error_handler(kind, answer)


def answer_routing_problems(app: Flask, *blueprints: Blueprint) -> None:
    """
    Answer what matches no route beneath the paths of the blueprints; the rest is the application's own.

    Flask hands those errors to the application's handlers alone.
    """
    ours = tuple(path for blueprint in blueprints for path in _first_segments(app, blueprint))
    names = tuple(f"{blueprint.name}." for blueprint in blueprints)

    def look() -> Response | None:
        error = request.routing_exception
        if isinstance(error, MethodNotAllowed):
            return _answer_http(error) if _endpoint_of(error).startswith(names) else None
        if isinstance(error, NotFound):
            return _answer_http(error) if f"{request.path}/".startswith(ours) else None
        return None

    app.before_request(look)


def _first_segments(app: Flask, blueprint: Blueprint) -> set[str]:
    """The paths of the blueprint, each to the end of what stands fixed: others may share the prefix."""
    prefix = blueprint.url_prefix or ""
    rules = [str(rule) for rule in app.url_map.iter_rules() if rule.endpoint.startswith(f"{blueprint.name}.")]
    return {f"{prefix}/{rule.removeprefix(prefix).split('/')[1]}/" for rule in rules}


def _endpoint_of(error: MethodNotAllowed) -> str:
    """Of the route that does not take the method of the request."""
    adapter = current_app.create_url_adapter(request)
    assert adapter is not None, "while a request is answered there is one"  # noqa: S101 - Flask's promise
    endpoint, _ = adapter.match(method=next(iter(error.valid_methods or ())))
    name: str = endpoint
    return name


def problem_response(
    status: HTTPStatus, detail: str, *, headers: dict[str, str] | None = None, **more: Any
) -> Response:
    """
    A problem document, which nobody keeps.

    ``type`` is ``about:blank``, which says that the title is that of the status.
    """
    document = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        **more,
    }
    headers = {"Cache-Control": "no-store", **(headers or {})}
    return protect(Response(json.dumps(document), status, headers, content_type=MEDIA_TYPE))


def told_of(error: PypelineError) -> str:
    """What callers hear of an error."""
    return next((told for kind, told in _TOLD if isinstance(error, kind)), str(error))


@contextmanager
def unknown_nodes_are_not_found() -> Iterator[None]:
    """For a path or a query that names a node: Problem 404 where there is none. In a body it is 422."""
    try:
        yield
    except errors.UnknownNode as error:
        raise Problem(HTTPStatus.NOT_FOUND, str(error)) from error


@contextmanager
def which_may_be_done(remedy: str) -> Iterator[None]:
    """For a change: where it ends with 503 the problem says that it may have been done, and the remedy."""
    try:
        yield
    except PypelineError as error:
        if _status_of(error) is not HTTPStatus.SERVICE_UNAVAILABLE:
            raise
        told = f"{_told_and_logged(error)}; what was asked for may have been done all the same: {remedy}"
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, told, headers=_LATER) from error


def _answer_problem(problem: Problem) -> Response:
    return problem_response(problem.status, problem.detail, headers=problem.headers, **problem.more)


def _answer_ours(error: PypelineError) -> Response:
    status = _status_of(error)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        return _answer_fault(error)
    headers = _LATER if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    return problem_response(status, _told_and_logged(error), headers=headers)


def _status_of(error: PypelineError) -> HTTPStatus:
    found = (status for kind, status in _STATUS if isinstance(error, kind))
    return next(found, HTTPStatus.INTERNAL_SERVER_ERROR)


def _told_and_logged(error: PypelineError) -> str:
    """What callers hear of it; what they do not hear is for the log."""
    told = told_of(error)
    if told != str(error):
        current_app.logger.warning("%s %s: %s", request.method, request.path, error)
    return told


def _answer_http(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    if isinstance(error, NotFound):
        return problem_response(status, f"there is nothing at {request.path}")
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        detail = f"{request.method} does nothing at {request.path}: it takes {allowed}"
        return problem_response(status, detail, headers={"Allow": allowed})
    return problem_response(status, error.description or status.phrase)


def _answer_fault(error: Exception) -> Response:
    current_app.logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, _INTERNAL)


_ANSWERS: tuple[tuple[type[Exception], Callable[[Any], Response]], ...] = (
    (Problem, _answer_problem),
    (PypelineError, _answer_ours),
    (HTTPException, _answer_http),
    (Exception, _answer_fault),
)


def _answering(view: AnyView) -> AnyView:
    @wraps(view)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return view(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - it is logged, and the caller is told what they may know
            return next(answer for kind, answer in _ANSWERS if isinstance(error, kind))(error)

    return call
