"""Changes of schedules by their users, with what stands in their way; and a run of one, now."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import click

from pypeline.application.schedules.documents import schedule_document
from pypeline.cli.failures import ExitCode
from pypeline.cli.opening import open_system, read_config
from pypeline.cli.output import console_for, print_json
from pypeline.cli.report import sentence
from pypeline.cli.running import check_handlers_of, work_on
from pypeline.cli.schedules.remarks import remarks_on
from pypeline.cli.schedules.tables import coming_words, has_ended
from pypeline.cli.schedules.words import starts, when
from pypeline.cli.sending import ACCEPTED
from pypeline.cli.wishes import Run, Wishes
from pypeline.config import Settings
from pypeline.errors import ConfigurationNotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from pypeline.application.schedules import Schedules
    from pypeline.config import Config
    from pypeline.store.schedules.records import ScheduleRecord


def change(
    make: Callable[[Schedules], ScheduleRecord], done: str, config_path: str | None, *, as_json: bool
) -> None:
    """Create or update a schedule, and say how it stands; ``done`` is the word for that."""
    settings = Settings.load()
    _change(make, settings, read_config(config_path, settings), partial(_tell, done=done), as_json=as_json)


def switch(make: Callable[[Schedules], ScheduleRecord], config_path: str | None, *, as_json: bool) -> None:
    """Switch a schedule, and say how it stands."""
    settings = Settings.load()
    _change(make, settings, _config_if_any(config_path, settings), _tell_switch, as_json=as_json)


def run_now(schedule_id: str, config_path: str | None) -> ExitCode:
    """Start what a schedule starts, and print the run's id; do it here where no broker is set."""
    settings = Settings.load()
    config = read_config(config_path, settings)
    with open_system(settings, config) as system:
        schedules = system.application.schedules
        plan, _ = schedules.target_of(schedules.get(schedule_id).schedule)
        run = Run(system, settings, config, plan, lambda: schedules.run(schedule_id))
        return _do_here(run) if settings.embedded else _send(run)


def _do_here(run: Run) -> ExitCode:
    wishes = Wishes(as_json=False, timeout=None, concurrency=None)
    check_handlers_of(run)
    run_id, code = work_on(run, wishes, console_for(sys.stderr))
    click.echo(run_id)
    if code is not ExitCode.DONE:
        click.echo(f"error: {sentence(run.system, run_id)}", err=True)
    return code


def _send(run: Run) -> ExitCode:
    run_id = run.begin()
    click.echo(run_id)
    if run.system.outbox.problem is not None:
        click.echo(f"run {run_id}: {ACCEPTED}", err=True)
    return ExitCode.DONE


def _change(
    make: Callable[[Schedules], ScheduleRecord],
    settings: Settings,
    config: Config | None,
    tell: Callable[[ScheduleRecord], None],
    *,
    as_json: bool,
) -> None:
    with open_system(settings, config) as system:
        record = make(system.application.schedules)
        if as_json:
            print_json(schedule_document(record))
        else:
            tell(record)
        for remark in remarks_on(record, system, settings, config):
            click.echo(f"warning: {remark}", err=True)


def _tell(record: ScheduleRecord, done: str) -> None:
    schedule = record.schedule
    click.echo(
        f"Schedule {record.schedule_id} is {done}: {starts(schedule)}, {when(schedule.timing)}, "
        f"{schedule.timezone}."
    )
    _tell_switch(record)


def _tell_switch(record: ScheduleRecord) -> None:
    if record.enabled:
        coming = coming_words(record, datetime.now(UTC))
        next_or_none = f"It has {coming}" if has_ended(record) else f"Next {coming}"
        click.echo(f"Schedule {record.schedule_id} is on. {next_or_none}.")
    else:
        click.echo(f"Schedule {record.schedule_id} is off. Runs that it started go on.")


def _config_if_any(path: str | None, settings: Settings) -> Config | None:
    """A switch needs no configuration: what is said of its queues does."""
    try:
        return read_config(path, settings)
    except ConfigurationNotFound:
        if path is not None:
            raise
        return None
