"""Applications on SQLite with the API, and who calls them."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask

from flask_shop import ACCESS_KEYS, CONFIG, KEYS, Caller
from pypeline.flask import FlaskPypeline
from pypeline.store.sql_store import SqlStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NOBODY_WORKS = "memory://"
"""A broker that takes everything, which nobody reads: runs stay as they were started."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with the shop's configuration; no setting is in the environment."""
    for name in os.environ:
        if name.startswith(("PYPELINE_", "SERMOS_", "CELERY_", "WORKER_NAME")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sermos.yaml").write_text(CONFIG)
    return tmp_path


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the schema: to make one takes longer than most tests."""
    path = tmp_path_factory.mktemp("database") / "empty.db"
    SqlStore(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def make_app(folder: Path, empty_database: Path) -> Iterator[Callable[..., Flask]]:
    """
    Makes applications with the API; what is given are settings over those of the shop.

    One whose PYPELINE_BROKER_URL is None runs its handlers itself. They share a database.
    """
    defaults = {
        "PYPELINE_DATABASE_URL": f"sqlite:///{shutil.copy(empty_database, folder / 'runs.db')}",
        "PYPELINE_BROKER_URL": NOBODY_WORKS,
        "PYPELINE_ACCESS_KEYS": ACCESS_KEYS,
        "PYPELINE_APP": "shop",
    }
    with ExitStack() as stack:

        def make(
            app: Flask | None = None, *, extension: dict[str, Any] | None = None, **settings: Any
        ) -> Flask:
            app = Flask("shop") if app is None else app
            app.config.from_mapping({**defaults, **settings})
            FlaskPypeline(app, **{"init_api": True, **(extension or {})})
            stack.callback(app.extensions["pypeline"].link.close)
            return app

        yield make


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """The shop with the API and keys, whose runs nobody works on."""
    return make_app()


@pytest.fixture
def working_app(make_app: Callable[..., Flask]) -> Flask:
    """The shop with the API and keys, which runs its handlers itself."""
    return make_app(PYPELINE_BROKER_URL=None)


@pytest.fixture
def admin(app: Flask) -> Caller:
    """Calls `app` with the key of an admin."""
    return Caller(app, KEYS["admin"])


@pytest.fixture
def operator(app: Flask) -> Caller:
    """Calls `app` with the key of an operator."""
    return Caller(app, KEYS["operator"])


@pytest.fixture
def reader(app: Flask) -> Caller:
    """Calls `app` with the key of a reader."""
    return Caller(app, KEYS["reader"])


@pytest.fixture
def worked(working_app: Flask) -> Caller:
    """Calls `working_app` with the key of an admin."""
    return Caller(working_app, KEYS["admin"])
