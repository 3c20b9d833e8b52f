"""Becoming a worker or a scheduler: what has to be right before, and Celery's own command after."""

from __future__ import annotations

import os
import re
import sys
import time
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from pypeline.cli.failures import ExitCode, Failure
from pypeline.cli.opening import open_system, read_config
from pypeline.config import Settings
from pypeline.errors import DatabaseUnavailable, MissingExtra

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIRST_PAUSE = 0.5  # seconds
_LONGEST_PAUSE = 5.0

_GREEN_POOLS = ("gevent", "eventlet")
"""Pools that are packages of their own."""


def serve_worker(name: str | None, config: str | None, options: Sequence[str]) -> NoReturn:
    """
    Replace this process by the Celery worker of a service, once the database is there.

    Raises InvalidInput where a setting or the configuration forbids it, MissingExtra where the pool is not
    installed, and SchemaNotReady.
    """
    _require_pool(options)
    if name is not None:
        os.environ["WORKER_NAME"] = name
    settings = _checked(config)
    read_config(None, settings).handlers(settings.worker_name)
    _check_results(settings)
    _wait_for_database(settings)
    _become_celery("worker", [*_with_level(options, settings), *_node_name(options, settings)], settings)


def serve_beat(config: str | None, options: Sequence[str]) -> NoReturn:
    """
    Replace this process by Celery's beat with our scheduler, once the database is there.

    Raises as `serve_worker` does.
    """
    settings = _checked(config)
    read_config(None, settings)
    _wait_for_database(settings)
    _become_celery("beat", _with_level(options, settings), settings)


def load_settings(config: str | None) -> Settings:
    """The settings of a program that this process becomes, which finds ``config`` too."""
    if config is not None:
        os.environ["PYPELINE_CONFIG"] = str(Path(config).absolute())
    settings = Settings.load()
    settings.require_database()
    return settings


def _checked(config: str | None) -> Settings:
    """The settings, where they allow a process that works for others."""
    settings = load_settings(config)
    _require_broker(settings)
    _require_transport(settings)
    return settings


def _check_results(settings: Settings) -> None:
    from pypeline.bootstrap.parts import check_results  # noqa: PLC0415 - Celery, which a base install lacks

    check_results(settings)


def _require_transport(settings: Settings) -> None:
    from pypeline.bootstrap.broker import require_transport  # noqa: PLC0415 - Celery, as above

    require_transport(settings)


def _require_pool(options: Sequence[str]) -> None:
    pool = _pool(options)
    if pool not in _GREEN_POOLS or find_spec(pool) is not None:
        return
    if pool == "gevent":
        raise MissingExtra("The pool gevent", "web")
    raise Failure(
        f"The pool {pool} needs a package that no extra brings: pip install {pool}", ExitCode.BAD_INPUT
    )


def _pool(options: Sequence[str]) -> str:
    """The pool that options choose; empty where they choose none."""
    for option, following in pairwise((*options, "")):
        name, _, value = option.partition("=")
        if name in ("-P", "--pool"):
            return value or following
    return ""


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
                if pause > _FIRST_PAUSE:
                    click.echo("the database answers", err=True)
                return
        except DatabaseUnavailable as error:
            if pause == _FIRST_PAUSE:
                click.echo(f"waiting for the database: {' '.join(str(error).split())}", err=True)
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _with_level(options: Sequence[str], settings: Settings) -> list[str]:
    known = {"-l", "--loglevel"}.intersection(options)
    return [*options, *(() if known else ("-l", settings.log_level))]


def _node_name(options: Sequence[str], settings: Settings) -> tuple[str, ...]:
    if {"-n", "--hostname"}.intersection(options):
        return ()
    # Not Celery's own default: RabbitMQ lets one worker of a name in, and other applications have it too.
    name = settings.worker_name or re.sub(r"[^\w.-]", "-", settings.app_name)
    return "-n", f"{name}@%h"


def _become_celery(command: str, options: Sequence[str], settings: Settings) -> NoReturn:
    # Its banner is for people.
    quiet = ("--quiet",) if settings.log_format == "json" else ()
    # A new program, not a call: pools of greenlets patch the standard library before anything imports it.
    program = [sys.executable, "-m", "celery", "-A", "pypeline.celery", *quiet, command, *options]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, program)  # noqa: S606 - no shell is wanted
