"""
The schema's life: creating, upgrading, and refusing what does not fit.

The table ``pypeline_schema`` holds the ``level`` that the database is at and the lowest level of code that
may use it (``needs``). Code older than that is refused; a database that is merely newer is not, since
deploys roll.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from pypeline.errors import DatabaseUnavailable, SchemaNotReady
from pypeline.store import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

CODE_LEVEL = 6
VERSION_TABLE = tables.PREFIX + "alembic_version"
_LOCK_ID = 7_276_353_106  # any number, the same for all: an advisory lock on upgrades
_OPENING = 30.0  # seconds that a process waits for another one that creates the same file


@dataclass(frozen=True, slots=True)
class SchemaLevel:
    """What a database says of itself; level 0 is an empty one."""

    level: int
    needs: int


def ensure_schema(engine: Engine, *, shown: str) -> None:
    """Make sure that this code may use the database; an SQLite file is created and upgraded on the way."""
    try:
        found = schema_level(engine)
        if found.level < CODE_LEVEL and engine.dialect.name == "sqlite":
            upgrade(engine)
            found = schema_level(engine)
    except DBAPIError as error:
        raise DatabaseUnavailable(shown, error.orig) from error
    _refuse_what_does_not_fit(found, shown)


def schema_level(engine: Engine) -> SchemaLevel:
    """The level that a database is at."""
    with engine.connect() as connection:
        return _level_on(connection)


def upgrade(engine: Engine) -> None:
    """Bring a database to this code's schema. Safe to call from several processes at once."""
    from alembic import command  # noqa: PLC0415 - slow to import, and needed once in the life of a schema
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with _alone(engine) as connection:
        _refuse_newer(_level_on(connection), engine.url.render_as_string())
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def misfit(found: SchemaLevel) -> str | None:
    """Why this code may not use a database at that level, and what to do; None where it may."""
    if found.needs > CODE_LEVEL:
        return f"needs code of schema level {found.needs}, this is {CODE_LEVEL}: install a newer pypeline"
    if found.level < CODE_LEVEL:
        return f"is at schema level {found.level}, this code needs {CODE_LEVEL}: run `pypeline db upgrade`"
    return None


def _level_on(connection: Connection) -> SchemaLevel:
    if not inspect(connection).has_table(tables.schema.name):
        return SchemaLevel(0, 0)
    row = connection.execute(select(tables.schema).order_by(tables.schema.c.level.desc())).first()
    return SchemaLevel(row.level, row.needs) if row else SchemaLevel(0, 0)


def _refuse_newer(found: SchemaLevel, shown: str) -> None:
    if found.needs > CODE_LEVEL:
        _refuse_what_does_not_fit(found, shown)


def _refuse_what_does_not_fit(found: SchemaLevel, shown: str) -> None:
    if (problem := misfit(found)) is not None:
        raise SchemaNotReady(f"database {shown} {problem}")


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A transaction that no other upgrade runs beside."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            _begin_exclusively(connection)
        else:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK_ID})
        yield connection
        connection.commit()


def _begin_exclusively(connection: Connection) -> None:
    # The driver begins no transaction before DDL; and SQLite does not wait its busy timeout while another
    # process turns the new file into WAL mode.
    give_up = time.monotonic() + _OPENING
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return
