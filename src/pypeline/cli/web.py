"""Becoming the server of the API: what has to be right before, and gunicorn after."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from pypeline.cli.opening import open_system, read_config
from pypeline.cli.serving import load_settings
from pypeline.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pypeline.config import Settings


def serve_web(config: str | None, options: Sequence[str]) -> NoReturn:
    """
    Replace this process by gunicorn, which serves the API.

    Raises InvalidInput where a setting or the configuration forbids it, SchemaNotReady, and
    ModuleNotFoundError where gunicorn or Flask is not installed. A database that is away is told, and no
    more: requests are answered with 503 until it is there.
    """
    import gunicorn  # noqa: F401, PLC0415 - so that it is told here if it is missing

    import pypeline.flask  # noqa: F401, PLC0415

    settings = load_settings(config)
    read_config(None, settings)
    _check_schema(settings)
    _become_gunicorn(options)


def _check_schema(settings: Settings) -> None:
    try:
        with open_system(settings):
            pass
    except DatabaseUnavailable as error:
        said = " ".join(str(error).split())
        click.echo(f"the database is away, requests get 503 until it is back: {said}", err=True)


def _become_gunicorn(options: Sequence[str]) -> NoReturn:
    # A new program, not a call: its children are forked off a process that has opened nothing.
    program = [sys.executable, "-m", "pypeline.flask.serving", *options]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, program)  # noqa: S606 - no shell is wanted
