"""The OpenAPI 3.1 document of the API, made of its operations."""

from __future__ import annotations

import re
from http import HTTPStatus
from inspect import cleandoc
from typing import TYPE_CHECKING, Any

from pypeline import __version__
from pypeline.application.inputs import KEY_TEXT
from pypeline.flask.access import HEADER
from pypeline.flask.described_problems import problem_refs, problem_responses
from pypeline.flask.models.common import ProblemDocument
from pypeline.flask.schemas import Schemas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

    from pypeline.flask.operations import Operation

_ABOUT = """\
Pipelines, their runs and schedules, of one application.

Lists take `limit`, and `cursor`, which is `next` of the page before. Every error is a problem document
(RFC 9457): its `detail` says what is wrong and what to do.
"""
_SECURITY_SCHEMES = {
    "accesskey": {"type": "apiKey", "in": "header", "name": HEADER},
    "bearer": {"type": "http", "scheme": "bearer"},
}
_PATH_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_TEXT = {"type": "string"}
_HEADER = {"type": "string", "pattern": f"^{KEY_TEXT}$"}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of what the caller has.",
    "schema": _TEXT,
}
_LOCATED = (HTTPStatus.CREATED, HTTPStatus.ACCEPTED)
_VERSIONED = (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED)


def openapi_document(operations: Sequence[Operation], *, server: str, with_keys: bool) -> dict[str, Any]:
    """
    The document of operations beneath the path ``server``.

    Callers may go without a key only where none is configured.
    """
    schemas = Schemas(*_models_of(operations))
    keys: list[dict[str, list[str]]] = [{name: []} for name in _SECURITY_SCHEMES]
    return {
        "openapi": "3.1.0",
        "info": {"title": "PypeLine", "version": __version__, "description": _ABOUT},
        "servers": [{"url": server}],
        "security": keys if with_keys else [*keys, {}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in operations)],
        "paths": _paths(operations, schemas),
        "components": {
            "securitySchemes": _SECURITY_SCHEMES,
            "responses": problem_responses(schemas.ref(ProblemDocument)),
            "schemas": schemas.components,
        },
    }


def _models_of(operations: Sequence[Operation]) -> tuple[set[type[BaseModel]], set[type[BaseModel]]]:
    answers = {model for operation in operations for model in operation.answers.values() if model}
    bodies = {operation.body for operation in operations if operation.body}
    queries = {operation.query for operation in operations if operation.query}
    return {ProblemDocument, *answers, *bodies}, queries


def _paths(operations: Sequence[Operation], schemas: Schemas) -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = _PATH_PARAMETER.sub(r"{\1}", operation.rule)
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation, schemas)
    return paths


def _operation(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    text = cleandoc(operation.view.__doc__ or "")
    first, _, _ = text.replace("\n", " ").partition(". ")
    document: dict[str, Any] = {
        "operationId": operation.name,
        "summary": first.removesuffix("."),
        "description": f"{text}\n\nNeeds the role `{operation.role.word}`.",
        "tags": [operation.tag],
        "parameters": _parameters(operation, schemas),
        "responses": _answers(operation, schemas) | problem_refs(operation),
    }
    if operation.body is not None:
        is_needed = any(member.is_required() for member in operation.body.model_fields.values())
        document["requestBody"] = {"required": is_needed, "content": _json(operation.body, schemas)}
    return document


def _parameters(operation: Operation, schemas: Schemas) -> list[dict[str, Any]]:
    path = _PATH_PARAMETER.findall(operation.rule)
    return [
        *({"name": name, "in": "path", "required": True, "schema": _TEXT} for name in path),
        *(schemas.parameters(operation.query) if operation.query else ()),
        *(
            {"name": name, "in": "header", "description": why, "schema": _HEADER}
            for name, why in operation.headers.items()
        ),
        *([_IF_NONE_MATCH] if HTTPStatus.NOT_MODIFIED in operation.answers else ()),
    ]


def _answers(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    return {
        str(status.value): {
            "description": status.phrase,
            **({"headers": headers} if (headers := _headers(operation, status)) else {}),
            **({"content": _json(model, schemas)} if model else {}),
        }
        for status, model in operation.answers.items()
    }


def _headers(operation: Operation, status: HTTPStatus) -> dict[str, Any]:
    said = {}
    if operation.location is not None and status in _LOCATED:
        said["Location"] = f"The path of {operation.location}."
    if HTTPStatus.NOT_MODIFIED in operation.answers and status in _VERSIONED:
        said["ETag"] = "The version of this answer, for `If-None-Match`."
    if operation.method == "GET" and status is HTTPStatus.ACCEPTED:
        said["Retry-After"] = "Seconds to wait before the next look."
    return {name: {"description": text, "required": True, "schema": _TEXT} for name, text in said.items()}


def _json(model: type[BaseModel], schemas: Schemas) -> dict[str, Any]:
    return {"application/json": {"schema": schemas.ref(model)}}
