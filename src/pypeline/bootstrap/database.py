"""The level of the database, and bringing it to that of this code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypeline.store import schema
from pypeline.store.sql_store import opened

if TYPE_CHECKING:
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
