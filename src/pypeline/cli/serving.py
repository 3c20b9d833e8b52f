"""Becoming a worker: what has to be right before, and Celery's own command after."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from pypeline.cli.failures import ExitCode, Failure
from pypeline.cli.opening import open_system, read_config
from pypeline.config import Settings
from pypeline.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIRST_PAUSE = 0.5  # seconds
_LONGEST_PAUSE = 10.0


def serve(name: str | None, config: str | None, options: Sequence[str]) -> NoReturn:
    """
    Replace this process by the Celery worker of a service, once the database is there.

    Raises InvalidInput where a setting or the configuration forbids it, and SchemaNotReady.
    """
    if name is not None:
        os.environ["WORKER_NAME"] = name
    if config is not None:
        os.environ["PYPELINE_CONFIG"] = str(Path(config).absolute())
    settings = Settings.load()
    _require_broker(settings)
    settings.require_database()
    read_config(None, settings).handlers(settings.worker_name)
    _wait_for_database(settings)
    _become_celery(_with_defaults(options, settings))


def _require_broker(settings: Settings) -> None:
    if settings.embedded:
        raise Failure(
            "no broker is set, so nothing could reach a worker: set PYPELINE_BROKER_URL, "
            "for example to amqp://guest:guest@localhost:5672//",
            ExitCode.BAD_INPUT,
        )


def _wait_for_database(settings: Settings) -> None:
    """Services start in any order: what is not there yet is waited for, as Celery waits for the broker."""
    pause = _FIRST_PAUSE
    while True:
        try:
            with open_system(settings):
                return
        except DatabaseUnavailable as error:
            if pause == _FIRST_PAUSE:
                click.echo(f"waiting for the database: {' '.join(str(error).split())}", err=True)
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _with_defaults(options: Sequence[str], settings: Settings) -> list[str]:
    given = set(options)
    chosen = list(options)
    if not given & {"-l", "--loglevel"}:
        chosen += ["-l", settings.log_level]
    if settings.worker_name is not None and not given & {"-n", "--hostname"}:
        chosen += ["-n", f"{settings.worker_name}@%h"]
    return chosen


def _become_celery(options: Sequence[str]) -> NoReturn:
    # A new program, not a call: pools of greenlets patch the standard library before anything imports it.
    command = [sys.executable, "-m", "celery", "-A", "pypeline.celery", "worker", *options]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, command)  # noqa: S606 - no shell is wanted
