"""``/openapi.json``, and ``/docs``, which shows it: all from this process, nothing from another host."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Response, redirect, request, send_from_directory, url_for

from pypeline.flask.installation import installation
from pypeline.flask.openapi import openapi_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Blueprint
    from werkzeug import Response as AnyResponse

    from pypeline.flask.operations import Operation

_OURS = Path(__file__).parent / "static" / "docs"
_SWAGGER_UI = Path(str(files("flask_swagger_ui"))) / "dist"
_POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'"
_SERVERS = 4  # prefixes that the document is kept for: one, but for proxies that serve it beneath several


def add_docs(blueprint: Blueprint, operations: Sequence[Operation]) -> None:
    """Add both, with what the page loads. They hold no secret: who may call at all needs no key for them."""

    @lru_cache(_SERVERS)
    def document(server: str, *, with_keys: bool) -> str:
        return json.dumps(openapi_document(operations, server=server, with_keys=with_keys))

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        gate = installation().gate
        gate.admit_without_key()
        server = f"{request.script_root}{blueprint.url_prefix or ''}"
        response = Response(document(server, with_keys=gate.has_keys), content_type="application/json")
        response.add_etag()
        response.make_conditional(request)
        return response

    @blueprint.get("/docs")
    def docs() -> Response:
        installation().gate.admit_without_key()
        response = send_from_directory(_OURS, "index.html")
        response.headers["Content-Security-Policy"] = _POLICY
        return response

    @blueprint.get("/docs/")
    def docs_folder() -> AnyResponse:
        return redirect(url_for(".docs"))

    @blueprint.get("/docs/ours/<name>")
    def docs_ours(name: str) -> Response:
        return send_from_directory(_OURS, name)

    @blueprint.get("/docs/swagger-ui/<name>")
    def docs_swagger_ui(name: str) -> Response:
        return send_from_directory(_SWAGGER_UI, name)
