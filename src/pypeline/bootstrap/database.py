"""What is done to the database as a whole: its level, bringing it to that of this code, and retention."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pypeline.application.retention import Retention
from pypeline.bootstrap.parts import wire_results
from pypeline.store import schema
from pypeline.store.sql_store import SqlStore, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.config import Settings
    from pypeline.store.schema import SchemaLevel


def upgrade_database(settings: Settings) -> SchemaLevel:
    """Bring the database to the schema of this code; answers its level. Raises DatabaseUnavailable."""
    with opened(settings.database_url) as engine:
        schema.upgrade(engine)
        return schema.schema_level(engine)


def database_level(settings: Settings) -> SchemaLevel:
    """The level that the database is at; 0 where it is empty. Raises DatabaseUnavailable."""
    with opened(settings.database_url) as engine:
        return schema.schema_level(engine)


@contextmanager
def open_retention(settings: Settings) -> Iterator[Retention]:
    """What deletes old runs of the application. Raises DatabaseUnavailable and SchemaNotReady."""
    with SqlStore(settings.database_url, app=settings.app_name) as store:
        yield Retention(store, wire_results(settings))
