"""What `pypeline doctor` looks at: configuration, database, broker, queues, workers and schedules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pypeline import __version__
from pypeline.application.facts import DatabaseFacts, Facts
from pypeline.application.judging import judge, longest_limit, queue_names
from pypeline.bootstrap.broker import broker_name, client_app
from pypeline.bootstrap.database import database_level
from pypeline.config import find_config, load_config
from pypeline.errors import (
    ConfigurationNotFound,
    DatabaseUnavailable,
    InvalidConfiguration,
    SchemaNotReady,
)
from pypeline.store.sql_store import SqlStore
from pypeline.store.urls import is_missing_file, shown_url
from pypeline.tasks.brokers.report import examine
from pypeline.tasks.configure import hold_messages
from pypeline.tasks.workers.pools import POOLS

if TYPE_CHECKING:
    from pathlib import Path

    from pypeline.application.checks import Checkup
    from pypeline.config import Config, Settings
    from pypeline.store.schedules.base import ScheduleStore
    from pypeline.store.schedules.records import ScheduleRecord

_PAGE = 1000


def examine_installation(settings: Settings, config: Path | None = None) -> Checkup:
    """
    Look at configuration, servers, queues, workers and schedules, change nothing, and say what to do.

    ``config`` is where the configuration is, by default where the settings say. What is away is a finding.
    """
    settings.require_database()
    loaded, faults = _read_config(settings, config)
    facts = Facts(
        app=settings.app_name,
        version=__version__,
        lease=settings.lease,
        default_queue=settings.default_queue,
        database=_database_facts(settings),
        config=loaded,
        faults=faults,
        weak_pools={name: pool.remark for name, pool in POOLS.items() if not pool.hard_limits},
    )
    if settings.embedded:
        return judge(facts)
    longest = longest_limit(loaded)
    client = hold_messages(client_app(settings), longest)
    return judge(replace(facts, broker=examine(client, queue_names(facts), longest=longest)))


def _read_config(settings: Settings, path: Path | None) -> tuple[Config | None, tuple[str, ...]]:
    try:
        return load_config(find_config(settings, path), env=settings.environment), ()
    except InvalidConfiguration as error:
        return None, tuple(map(str, error.findings))
    except ConfigurationNotFound as error:
        return None, (str(error),)


def _database_facts(settings: Settings) -> DatabaseFacts:
    shown = shown_url(settings.database_url)
    if is_missing_file(settings.database_url):
        return DatabaseFacts(f"{shown} is not there yet: the first run creates it")
    try:
        with SqlStore(settings.database_url, app=settings.app_name) as store:
            broker = broker_name(settings)
            now = store.clock()
            return DatabaseFacts(
                shown,
                level=database_level(settings).level,
                ahead=(datetime.now(UTC) - now).total_seconds(),
                workers=[] if settings.embedded else store.workers(broker),
                queues=[] if settings.embedded else store.queues(broker),
                now=now,
                schedules=_all_schedules(store.schedules),
                beats=store.schedules.beats(),
            )
    except DatabaseUnavailable as error:
        return DatabaseFacts(shown, answers=False, error=str(error))
    except SchemaNotReady as error:
        return DatabaseFacts(shown, error=str(error))


def _all_schedules(store: ScheduleStore) -> list[ScheduleRecord]:
    found: list[ScheduleRecord] = []
    while page := store.schedules(limit=_PAGE, after=found[-1].schedule_id if found else ""):
        found += page
    return found
