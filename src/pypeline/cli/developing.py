"""A worker, a scheduler and the API in this process, until Ctrl-C; runs are told of in lines."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING

import click
from rich.text import Text

from pypeline.bootstrap import Link
from pypeline.bootstrap.dev import adopt_scheduled_runs, scheduling
from pypeline.cli import words
from pypeline.cli.columns import aligned
from pypeline.cli.dev_api import dev_api
from pypeline.cli.failures import ExitCode, Failure
from pypeline.cli.interrupts import Left, interrupts
from pypeline.cli.logs import logs_on
from pypeline.cli.opening import open_system, read_config
from pypeline.cli.output import console_for
from pypeline.cli.run_lines import RunLines
from pypeline.cli.schedules import words as schedule_words
from pypeline.config import Settings
from pypeline.errors import DatabaseUnavailable
from pypeline.store.schedules.records import Source
from pypeline.store.urls import shown_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from pypeline.bootstrap import System
    from pypeline.cli.interrupts import Interrupts
    from pypeline.config import Config
    from pypeline.store.schedules.records import BroughtIn
    from pypeline.tasks.workers.embedded import EmbeddedWorker

_CONCURRENCY = 4
_LOOK = 0.25  # seconds
_GRACE = 10.0  # seconds
_MOST_TIMES = 10
_ANY = 100_000  # columns: nothing is cut, the terminal wraps


def develop(config_path: str | None, concurrency: int | None, *, bind: str | None) -> ExitCode:
    """
    Serve the schedules of this folder, and the API at ``bind``, until Ctrl-C or SIGTERM.

    Answers the exit code. Raises InvalidConfiguration, also where a handler cannot be imported, and
    InvalidInput where nobody may listen at ``bind``.
    """
    settings = Settings.load()
    _require_no_broker(settings)
    config = read_config(config_path, settings, import_handlers=True)
    # Its readers may be another program: a line is of no use to them once the process has ended.
    if (reconfigure := getattr(sys.stdout, "reconfigure", None)) is not None:
        reconfigure(line_buffering=True)
    console = console_for(sys.stdout)
    queues = config.queues(settings.worker_name, settings.default_queue)
    with (
        open_system(settings, config) as system,
        interrupts() as heard,
        logs_on(console_for(sys.stderr), settings),
        system.worker(queues, concurrency=concurrency or _CONCURRENCY) as worker,
    ):
        brought = system.application.schedules.bring_in()
        with _leaving():
            with dev_api(Link.to(system, worker, settings, config), settings, bind) as api:
                _introduce(system, settings, config, brought, console, api=api)
                lines = RunLines(system, console, system.store.clock())
                _adopt(system, worker, lines, console)
                _serve(system, worker, heard, lines)
            _finish(worker, lines)
    return ExitCode.DONE


def _require_no_broker(settings: Settings) -> None:
    if not settings.embedded:
        raise Failure(
            "dev is a worker and a scheduler in one process, but a broker is set: start "
            "`pypeline worker` and `pypeline beat`, or take PYPELINE_BROKER_URL away",
            ExitCode.BAD_INPUT,
        )


def _serve(system: System, worker: EmbeddedWorker, heard: Interrupts, lines: RunLines) -> None:
    """Until somebody wants it to end."""
    try:
        with scheduling(system, worker):
            while not heard.asked:
                # Whoever waits for the database says so.
                with suppress(DatabaseUnavailable):
                    lines.look()
                heard.pause(_LOOK)
    except Left:
        return  # a SIGTERM asks for the same


def _finish(worker: EmbeddedWorker, lines: RunLines) -> None:
    lines.look()
    if lines.going:
        click.echo(
            f"Ends: waits up to {_GRACE:g} s for {words.counted(lines.going, 'run')}. Ctrl-C leaves at once.",
            err=True,
        )
    worker.stop(_GRACE)
    lines.look()
    if lines.going:
        click.echo(
            f"{words.counted(lines.going, 'run')} left unfinished; the next `pypeline dev` here goes on.",
            err=True,
        )


@contextmanager
def _leaving() -> Iterator[None]:
    """A second Ctrl-C: handlers may still run, in threads that nothing ends but the end of the process."""
    try:
        yield
    except Left as left:
        click.echo("Left. The next `pypeline dev` here goes on with what is unfinished.", err=True)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(left.code)


def _adopt(system: System, worker: EmbeddedWorker, lines: RunLines, console: Console) -> None:
    adopted = adopt_scheduled_runs(system, worker)
    for run_id in adopted:
        lines.follow(run_id)
    if adopted:
        said = f"Goes on with {words.counted(len(adopted), 'run')} of a process that is gone."
        console.print(Text(said), soft_wrap=True)


def _introduce(
    system: System,
    settings: Settings,
    config: Config,
    brought: BroughtIn,
    console: Console,
    *,
    api: str | None,
) -> None:
    """Say what it does and where, and what is due next."""
    title = Text.assemble(("pypeline dev", "bold"), "  a worker and a scheduler, in one process")
    facts = [
        (Text("file", "dim"), str(config.path)),
        (Text("database", "dim"), _database(settings)),
        (Text("schedules", "dim"), _counted(system, brought)),
        *([(Text("api", "dim"), api)] if api else []),
    ]
    console.print(title, soft_wrap=True)
    console.print(aligned(("", ""), facts, width=_ANY), soft_wrap=True)
    for schedule_id in brought.taken:
        click.echo(
            f"warning: schedule {schedule_id} of the file is left out: a user has made one of this id; "
            f"rename it there, or `pypeline schedules delete {schedule_id}`",
            err=True,
        )
    console.print(_coming(system, console), soft_wrap=True)
    console.print(Text("Ctrl-C ends it.", "dim"), soft_wrap=True)


def _database(settings: Settings) -> str:
    shown = shown_url(settings.database_url)
    return shown if settings.database is not None else f"{shown} in {settings.folder}"


def _counted(system: System, brought: BroughtIn) -> str:
    records = system.application.schedules.list()
    from_file = sum(record.source is Source.FILE for record in records)
    said = f"{from_file:,} of the file, {len(records) - from_file:,} of users"
    changes = {"new": brought.created, "changed": brought.updated, "retired": brought.retired}
    told = [f"{word}: {', '.join(ids)}" for word, ids in changes.items() if ids]
    return f"{said} ({'; '.join(told)})" if told else said


def _coming(system: System, console: Console) -> Text:
    """The schedules that are due next."""
    now = datetime.now(UTC)
    records = [(record.next_at, record) for record in system.application.schedules.list()]
    coming = sorted(((due, one) for due, one in records if due is not None), key=itemgetter(0))
    if not coming:
        return Text("Nothing is due: `pypeline schedules create ID` makes a schedule.")
    rows = [
        (
            "",
            Text(one.schedule_id, "bold"),
            schedule_words.ahead(due, now=now),
            schedule_words.at_both(due, one.schedule.timezone, now=now),
            schedule_words.starts(one.schedule),
        )
        for due, one in coming[:_MOST_TIMES]
    ]
    return aligned(("", "next", "", "", "starts"), rows, width=console.width, elastic=(4, 1))
