"""Reading a request: query and body into models, each fault told at once."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from werkzeug.exceptions import RequestEntityTooLarge

from pypeline.application.inputs import KEY_TEXT
from pypeline.flask.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Model = TypeVar("Model", bound=BaseModel)

IDEMPOTENCY_KEY = "Idempotency-Key"
_JSON = "application/json"


def read_query(model: type[Model]) -> Model:
    """The query parameters. Raises Problem 422 with every fault; one that is given twice is a fault too."""
    given = {name: values[0] if len(values) == 1 else values for name, values in request.args.lists()}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise _unprocessable(error, "query") from error


def read_body(model: type[Model], most: int) -> Model:
    """
    The JSON body, of ``most`` bytes; none at all is ``{}``.

    Raises Problem: 415 where it says to be something else, 413 where it is too large, 400 where it is not
    JSON, 422 with every fault.
    """
    body = _body(most)
    if not body:
        body = b"{}"
    elif request.mimetype != _JSON:
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"the body is {request.mimetype or 'of no type'}: send JSON, with Content-Type: {_JSON}",
        )
    _require_json(body)
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise _unprocessable(error, "body") from error


def require_headers(names: Iterable[str]) -> None:
    """Of these headers, those that are there hold something. Raises Problem 422."""
    for name in names:
        value = request.headers.get(name)
        if value is not None and not re.fullmatch(KEY_TEXT, value):
            told = f"{name}: write 1 to 255 printable characters of ASCII, or leave it out"
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, told)


def refuse_key() -> None:
    """Who sends an idempotency key trusts that repeating is safe. Raises Problem 422 where there is one."""
    if IDEMPOTENCY_KEY in request.headers:
        told = f"{IDEMPOTENCY_KEY}: this operation takes none, and sent twice may be done twice: leave it out"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, told)


def require_text(given: Mapping[str, str]) -> None:
    """Path parameters that no database takes name nothing that is there. Raises Problem 404."""
    for value in given.values():
        if "\0" in value or not value.isprintable():
            raise Problem(HTTPStatus.NOT_FOUND, f"there is nothing at {request.path}")


def _body(most: int) -> bytes:
    # One that comes in chunks is cut off at the limit, and nobody is told: a byte more shows it.
    request.max_content_length = most + 1
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        body = None
    if body is None or len(body) > most:
        told = f"the body has more than {most:,} bytes: send less, or raise PYPELINE_MAX_REQUEST"
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, told)
    return body


def _require_json(body: bytes) -> None:
    """Not what Python calls JSON: NaN is none, and nobody could read 1e999 again."""
    try:
        json.dumps(from_json(body, allow_inf_nan=False), allow_nan=False)
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is no JSON: {error}") from error


def _unprocessable(error: ValidationError, where: str) -> Problem:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    faults: list[dict[str, Any]] = [
        {"in": where, "at": ".".join(map(str, fault["loc"])), "detail": fault["msg"]} for fault in found
    ]
    told = "; ".join(f"{fault['at'] or where}: {fault['detail']}" for fault in faults)
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, told, errors=faults)
