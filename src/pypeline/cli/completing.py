"""What a shell offers for names and ids; silence where they cannot be known quickly."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from click.shell_completion import CompletionItem

from pypeline.cli.opening import open_system, read_config
from pypeline.config import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.bootstrap import System

_MOST = 30


def pipeline_names(config: str | None, incomplete: str) -> list[CompletionItem]:
    """The pipelines of the configuration that begin so."""
    try:
        pipelines = read_config(config).pipelines
    except Exception:  # noqa: BLE001 - a shell wants names or nothing
        return []
    return [
        CompletionItem(name, help=pipeline.description)
        for name, pipeline in pipelines.items()
        if name.startswith(incomplete)
    ]


def handler_names(config: str | None, incomplete: str) -> list[CompletionItem]:
    """The registered handlers that begin so."""
    try:
        handlers = read_config(config).handlers()
    except Exception:  # noqa: BLE001 - a shell wants names or nothing
        return []
    return [CompletionItem(handler) for handler in handlers if handler.startswith(incomplete)]


def zone_names(incomplete: str) -> list[CompletionItem]:
    """The time zones that begin so."""
    return [CompletionItem(zone) for zone in sorted(available_timezones()) if zone.startswith(incomplete)]


def run_ids(incomplete: str) -> list[CompletionItem]:
    """The newest runs that begin so, with their pipeline and state."""
    try:
        with _database() as system:
            runs = [] if system is None else system.application.runs()[:_MOST]
    except Exception:  # noqa: BLE001 - a shell wants names or nothing
        return []
    return [
        CompletionItem(run.run_id, help=f"{run.pipeline_id}, {run.state.value}")
        for run in runs
        if run.run_id.startswith(incomplete)
    ]


def schedule_ids(incomplete: str) -> list[CompletionItem]:
    """The schedules that begin so, with what they start."""
    try:
        with _database() as system:
            schedules = [] if system is None else system.application.schedules.list()
    except Exception:  # noqa: BLE001 - a shell wants names or nothing
        return []
    return [
        CompletionItem(one.schedule_id, help=f"{one.schedule.target_kind.value} {one.schedule.target}")
        for one in schedules
        if one.schedule_id.startswith(incomplete)
    ]


@contextmanager
def _database() -> Iterator[System | None]:
    """The system of the settings; None where its database would have to be made first."""
    settings = Settings.load()
    if settings.database is None and not Path(settings.database_url.removeprefix("sqlite:///")).is_file():
        yield None
        return
    with open_system(settings) as system:
        yield system
