"""What `schedules create` and `schedules update` take, and what a shell completes for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from pypeline.cli.options import complete_pipeline, read_payload
from pypeline.schedules.schedule import Misfire, Overlap

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.shell_completion import CompletionItem

    from pypeline.application.schedules.wishes import ScheduleWish

Command = TypeVar("Command", bound="Callable[..., Any]")


def schedule_options(command: Command) -> Command:
    """Add an option for everything that a schedule says; `wish_of` takes their values."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def wish_of(said: dict[str, Any]) -> ScheduleWish:
    """What the user said, from the values of `schedule_options`."""
    from pypeline.application.schedules.wishes import ScheduleWish  # noqa: PLC0415 - not for help

    named = {name: value for name, value in said.items() if name != "disabled"}
    return ScheduleWish(**named, enabled=False if said["disabled"] else None)


def complete_schedule(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The schedules of the database, where it is there."""
    from pypeline.cli.completing import schedule_ids  # noqa: PLC0415 - needed by shells only

    return schedule_ids(incomplete)


def _complete_task(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from pypeline.cli.completing import handler_names  # noqa: PLC0415 - needed by shells only

    return handler_names(context.params.get("config"), incomplete)


def _complete_zone(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from pypeline.cli.completing import zone_names  # noqa: PLC0415 - needed by shells only

    return zone_names(incomplete)


def _lateness(
    _context: click.Context, _parameter: click.Parameter, text: str | None
) -> float | Literal[""] | None:
    """Seconds from 0 up; an empty text takes away what was there."""
    from pypeline.cli.words import seconds_of  # noqa: PLC0415 - not for help

    if text is None:
        return None
    if not text:
        return ""
    try:
        return 0.0 if text == "0" else seconds_of(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


schedule_argument = click.argument("schedule_id", metavar="ID", shell_complete=complete_schedule)
timezone_option = click.option(
    "--timezone",
    metavar="ZONE",
    shell_complete=_complete_zone,
    help="The IANA zone of its times; else PYPELINE_TIMEZONE.",
)
every_option = click.option(
    "--every", metavar="INTERVAL", help='Again and again, as "30 seconds" or "2 hours".'
)
at_option = click.option("--at", metavar="TIME", help="Once, at this local time, as 2026-05-01T08:00.")
_OPTIONS = (
    click.option(
        "--task", metavar="HANDLER", shell_complete=_complete_task, help="The handler that it starts."
    ),
    click.option(
        "--pipeline",
        metavar="PIPELINE",
        shell_complete=complete_pipeline,
        help="The pipeline that it starts.",
    ),
    every_option,
    click.option("--cron", metavar="'M H D M W'", help="At the times of cron's five fields."),
    at_option,
    timezone_option,
    click.option("--queue", metavar="QUEUE", help="The queue of the task."),
    click.option(
        "--payload",
        metavar="JSON",
        callback=read_payload,
        help="The payload of its runs as JSON, as @FILE, or @- for stdin.",
    ),
    click.option(
        "--misfire",
        type=click.Choice([policy.value for policy in Misfire]),
        help="What becomes of times that were due while no scheduler ran.",
    ),
    click.option(
        "--misfire-grace",
        metavar="SECONDS",
        callback=_lateness,
        help="Lateness that is no misfire; 60 if not given.",
    ),
    click.option(
        "--overlap",
        type=click.Choice([policy.value for policy in Overlap]),
        help="Whether it starts while a run of it is still going.",
    ),
    click.option("--start-at", metavar="TIME", help="Not before this local time."),
    click.option("--end-at", metavar="TIME", help="Not after this local time."),
    click.option(
        "--expires", metavar="SECONDS", callback=_lateness, help="Do not start what is later than that."
    ),
    click.option("--name", metavar="NAME", help="What people call it."),
    click.option("--disabled", is_flag=True, help="Switched off."),
)
