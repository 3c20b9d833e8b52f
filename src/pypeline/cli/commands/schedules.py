"""``pypeline schedules``."""
# ruff: noqa: PLC0415 - help needs none of these imports

from __future__ import annotations

from typing import Any

import click

from pypeline.cli.options import config_option, json_option
from pypeline.cli.schedules.options import (
    at_option,
    every_option,
    schedule_argument,
    schedule_options,
    timezone_option,
    wish_of,
)


@click.group("schedules")
def command() -> None:
    """List, make, change, switch and try out schedules; a running scheduler follows within a second."""


@command.command("list")
@click.option("--retired", is_flag=True, help="Those too that are gone from the file.")
@json_option
def list_schedules(*, retired: bool, as_json: bool) -> None:
    """List schedules with their next time, their last run and what is wrong."""
    from pypeline.cli.schedules.views import print_list

    print_list(retired=retired, as_json=as_json)


@command.command("show")
@schedule_argument
@click.option(
    "--count", type=click.IntRange(0, 1000), default=10, show_default=True, help="So many times to come."
)
@click.option(
    "--history",
    type=click.IntRange(0, 1000),
    default=10,
    show_default=True,
    help="So many past due times.",
)
@json_option
def show(schedule_id: str, count: int, history: int, *, as_json: bool) -> None:
    """Show the schedule ID: what it says, its next times, its history."""
    from pypeline.cli.schedules.views import print_one

    print_one(schedule_id, count=count, history=history, as_json=as_json)


@command.command("create")
@schedule_argument
@schedule_options
@config_option
@json_option
def create(schedule_id: str, config: str | None, *, as_json: bool, **said: Any) -> None:
    """
    Make the schedule ID: of a --task or a --pipeline, with --every, --cron or --at.

    For example: schedules create ticks --task demo.tasks.tick --every "30 seconds"
    """
    from pypeline.cli.schedules.changes import change

    wish = wish_of(said)
    change(lambda schedules: schedules.create(schedule_id, wish), "created", config, as_json=as_json)


@command.command("update")
@schedule_argument
@schedule_options
@config_option
@json_option
def update(schedule_id: str, config: str | None, *, as_json: bool, **said: Any) -> None:
    """
    Change what the options say of the schedule ID, and nothing else; '' takes a value away.

    Other times are due strictly after now. What the file sets is changed there.
    """
    from pypeline.cli.schedules.changes import change

    if all(value in (None, False) for value in said.values()):
        raise click.UsageError("nothing is said that should change")
    wish = wish_of(said)
    change(lambda schedules: schedules.update(schedule_id, wish), "changed", config, as_json=as_json)


@command.command("enable")
@schedule_argument
@config_option
@json_option
def enable(schedule_id: str, config: str | None, *, as_json: bool) -> None:
    """Switch the schedule ID on; the next time of one that was off is strictly after now."""
    from pypeline.cli.schedules.changes import switch

    switch(lambda schedules: schedules.enable(schedule_id), config, as_json=as_json)


@command.command("disable")
@schedule_argument
@json_option
def disable(schedule_id: str, *, as_json: bool) -> None:
    """Switch the schedule ID off; runs that it started go on."""
    from pypeline.cli.schedules.changes import switch

    switch(lambda schedules: schedules.disable(schedule_id), None, as_json=as_json)


@command.command("delete")
@schedule_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(schedule_id: str, *, yes: bool) -> None:
    """Remove the schedule ID and its history; its runs stay. A terminal is asked first."""
    import sys

    from pypeline.cli.opening import open_system
    from pypeline.config import Settings

    with open_system(Settings.load()) as system:
        record = system.application.schedules.get(schedule_id)
        if not yes and sys.stdin.isatty():
            click.confirm(f"Delete schedule {record.schedule_id} and its history?", abort=True, err=True)
        system.application.schedules.delete(schedule_id)
    click.echo(f"Schedule {schedule_id} is deleted. Its runs stay.")


@command.command("run")
@schedule_argument
@config_option
@click.pass_context
def run(context: click.Context, schedule_id: str, config: str | None) -> None:
    """
    Start now what the schedule ID starts, and print the id of the run; its times stay as they are.

    Without a broker the run is done here, and the exit code is 1 if it fails.
    """
    from pypeline.cli.schedules.changes import run_now

    context.exit(run_now(schedule_id, config))


@command.command("preview")
@click.argument("cron", required=False, metavar="['M H D M W']")
@every_option
@at_option
@timezone_option
@click.option("--count", type=click.IntRange(1, 1000), default=10, show_default=True, help="So many times.")
@json_option
def preview(
    cron: str | None, every: str | None, at: str | None, timezone: str | None, count: int, *, as_json: bool
) -> None:
    """
    Print the next times of cron's five fields, of --every or of --at, in their zone, in UTC and here.

    It needs no database. What a change of the clocks does to a time is said beneath it.
    """
    from pypeline.cli.schedules.views import print_preview
    from pypeline.schedules import timing

    ways = {timing.cron: cron, timing.interval: every, timing.once: at}
    said = [(read, text) for read, text in ways.items() if text is not None]
    if len(said) != 1:
        raise click.UsageError("name the times once: as 'M H D M W', --every or --at")
    ((read, text),) = said
    print_preview(read, text, zone=timezone, count=count, as_json=as_json)
