"""The page that shows the OpenAPI document."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest

from flask_shop import API, Caller, problem_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from werkzeug.test import TestResponse


@pytest.fixture
def page(app: Flask) -> str:
    return get(app, "/docs").text


def get(app: Flask, path: str, **sent: Any) -> TestResponse:
    """Without a key, and with the file closed behind it."""
    return Caller(app).get(path, buffered=True, **sent)


def assets(page: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]+)"', page)


def test_the_page_needs_no_key_where_there_are_keys(app: Flask):
    answer = get(app, "/docs")

    assert answer.status_code == HTTPStatus.OK
    assert answer.mimetype == "text/html"


def test_where_no_key_is_configured_other_machines_do_not_get_the_page(make_app: Callable[..., Flask]):
    app = make_app(PYPELINE_ACCESS_KEYS=None)

    assert get(app, "/docs").status_code == HTTPStatus.OK
    problem_of(get(app, "/docs", headers={"Host": "other.example"}), 401)


def test_all_that_the_page_loads_is_beside_it(app: Flask, page: str):
    found = assets(page)

    assert len(found) == 5
    for asset in found:
        assert not asset.startswith(("/", "http", "data:"))
        assert get(app, urljoin("/docs", asset)).status_code == HTTPStatus.OK


def test_the_page_may_load_nothing_from_elsewhere_and_run_nothing_that_stands_in_it(app: Flask, page: str):
    policy = get(app, "/docs").headers["Content-Security-Policy"]

    assert policy == "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'"
    assert re.findall(r"<script[^>]*>([^<]*)</script>", page) == ["", ""]
    assert "<style" not in page


def test_the_script_of_the_page_asks_no_other_host(app: Flask):
    script = get(app, "/docs/ours/start.js").text

    assert 'url: "openapi.json"' in script
    assert "validatorUrl: null" in script


def test_an_asset_that_is_not_there_is_a_problem(app: Flask):
    problem_of(get(app, "/docs/swagger-ui/nothing.js"), 404)


def test_a_slash_behind_the_page_leads_to_it(app: Flask):
    answer = get(app, "/docs/")

    assert answer.status_code == HTTPStatus.FOUND
    assert answer.location == f"{API}/docs"
