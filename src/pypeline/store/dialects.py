"""
What each database must answer: how to connect, how a statement is written, how a transaction begins and ends.

Statements are written once, in the SQL that both know, with three words of our own:

    :name                a parameter
    IN each(:list)       membership in a list parameter
    shift(time, :s)      a time that many seconds later
"""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from sqlalchemy import make_url

from pypeline.errors import DatabaseUnavailable, InvalidSetting, MissingExtra
from pypeline.store.timestamps import format_time, parse_time, shift_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import URL

Params: TypeAlias = "Mapping[str, Any]"
Clock: TypeAlias = "Callable[[], datetime]"

BUSY_TIMEOUT = 30.0  # seconds that a writer waits for another one
_KNOWN_ROWS = "SELECT reltuples FROM pg_class WHERE oid = 'pypeline_node'::regclass"
_ENOUGH = 4  # a table that grows by less than a quarter keeps its statistics until autovacuum comes


class Dialect(Protocol):
    """One kind of database, reached through its own driver."""

    name: str
    locks_rows: bool
    row_lock: str
    skip_locked: str
    errors: type[Exception]

    def connect(self) -> Any:
        """A new connection of the driver, outside any transaction."""

    def render(self, statement: str) -> str:
        """The statement as this driver takes it."""

    def params(self, params: Params) -> Params:
        """The parameters as this driver takes them."""

    def begin(self, connection: Any) -> None:
        """Begin a transaction that may write."""

    def commit(self, connection: Any, *, durable: bool) -> None:
        """Commit; if ``durable``, return only when a crash of the machine cannot undo it."""

    def time(self, value: Any) -> datetime:
        """A time as the driver reads it."""

    def moment(self, time: datetime) -> Any:
        """A time as the driver takes it."""

    def note_growth(self, connection: Any, rows: int) -> None:
        """Keep the planner's picture of the nodes true, after their table grew by that many rows."""

    def may_repeat(self, error: Exception) -> bool:
        """True if the transaction was undone and may be tried again at once."""

    def is_lost(self, error: Exception) -> bool:
        """True if the database is away or stays locked; the connection is of no more use."""


def dialect_for(url: str, *, clock: Clock | None = None) -> Dialect:
    """The dialect of a SQLAlchemy URL. A ``clock`` replaces the database's own, in SQLite only."""
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite" if parsed.database in (None, "", ":memory:"):
            raise InvalidSetting(
                "PYPELINE_DATABASE_URL", "a database in memory has one connection; use sqlite:///pypeline.db"
            )
        case "sqlite":
            return SqliteDialect(parsed, clock=clock or _utc_now)
        case "postgresql":
            return PostgresDialect(parsed)
        case other:
            raise InvalidSetting(
                "PYPELINE_DATABASE_URL", f"{other} is not supported; use postgresql:// or sqlite:///"
            )


class SqliteDialect:
    """SQLite: WAL, one writer at a time (``BEGIN IMMEDIATE``), the clock of this host."""

    name = "sqlite"
    locks_rows = False
    row_lock = ""
    skip_locked = ""
    errors: type[Exception] = sqlite3.Error

    def __init__(self, url: URL, *, clock: Clock) -> None:
        self._path = url.database or ":memory:"
        self._clock = clock

    def connect(self) -> sqlite3.Connection:
        """Safe to call at once from several processes on a file that is not there yet."""
        try:
            connection = sqlite3.connect(
                self._path,
                timeout=BUSY_TIMEOUT,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
            )
            self.prepare(connection)
        except sqlite3.Error as error:
            raise DatabaseUnavailable(f"sqlite:///{self._path}", error) from error
        return connection

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Give a connection our settings and the two functions that statements use."""
        connection.create_function("now", 0, lambda: format_time(self._clock()))
        connection.create_function("shift", 2, shift_time, deterministic=True)
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT * 1000)}")
        # Changing the journal mode does not wait for the busy timeout; another process that opens the same
        # new file may hold it.
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")

    def render(self, statement: str) -> str:
        """Lists are JSON arrays."""
        return _render_for_sqlite(statement)

    def params(self, params: Params) -> Params:
        """Lists travel as JSON."""
        return {name: json.dumps(value) if type(value) is list else value for name, value in params.items()}

    def begin(self, connection: sqlite3.Connection) -> None:
        """Take the write lock at once: a lock that is upgraded midway may fail."""
        connection.execute("BEGIN IMMEDIATE")

    def commit(self, connection: sqlite3.Connection, *, durable: bool) -> None:
        """In WAL a commit survives the process; a checkpoint makes it survive the machine."""
        connection.execute("COMMIT")
        if durable:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def time(self, value: str) -> datetime:
        """Times are kept as text."""
        return parse_time(value)

    def moment(self, time: datetime) -> str:
        """Times are kept as text."""
        return format_time(time)

    def note_growth(self, connection: sqlite3.Connection, rows: int) -> None:
        """Plans follow the indexes, whatever the tables hold."""

    def may_repeat(self, error: Exception) -> bool:
        """Never: a writer waits for its lock before it reads."""
        del error
        return False

    def is_lost(self, error: Exception) -> bool:
        """The file is locked for too long, cannot be opened, or its disk is full."""
        return isinstance(error, sqlite3.OperationalError)


class PostgresDialect:
    """PostgreSQL through psycopg 3: row locks, the server's clock, statements that prepare themselves."""

    name = "postgresql"
    locks_rows = True
    row_lock = "FOR NO KEY UPDATE"
    skip_locked = "FOR NO KEY UPDATE SKIP LOCKED"

    def __init__(self, url: URL) -> None:
        try:
            import psycopg  # noqa: PLC0415 - an optional extra
        except ImportError as error:
            raise MissingExtra("PostgreSQL", "postgres") from error
        self._psycopg = psycopg
        self.errors: type[Exception] = psycopg.Error
        self._conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._shown = url.set(drivername="postgresql").render_as_string()

    def connect(self) -> Any:
        """Transactions are begun and ended by name."""
        try:
            return self._psycopg.connect(self._conninfo, autocommit=True)
        except self._psycopg.Error as error:
            raise DatabaseUnavailable(self._shown, error) from error

    def render(self, statement: str) -> str:
        """Lists are arrays, times are shifted by intervals."""
        return _render_for_postgres(statement)

    def params(self, params: Params) -> Params:
        """As they are."""
        return params

    def begin(self, connection: Any) -> None:
        """No commit waits for the disk unless it asks to."""
        connection.execute("BEGIN; SET LOCAL synchronous_commit = off")

    def commit(self, connection: Any, *, durable: bool) -> None:
        """One round trip either way."""
        connection.execute("SET LOCAL synchronous_commit = on; COMMIT" if durable else "COMMIT")

    def time(self, value: datetime) -> datetime:
        """The driver reads aware times."""
        return value.astimezone(UTC)

    def moment(self, time: datetime) -> datetime:
        """The driver takes aware times."""
        return time

    def note_growth(self, connection: Any, rows: int) -> None:
        """
        Analyze, where the statistics know less than a few times these rows.

        Without them a prepared plan scans: a record among 10,000 nodes took 8 ms, with them 0.3 ms.
        """
        (known,) = connection.execute(_KNOWN_ROWS).fetchone()
        if known < _ENOUGH * rows:
            connection.execute("ANALYZE pypeline_node")

    def may_repeat(self, error: Exception) -> bool:
        """A deadlock or a serialization failure."""
        return isinstance(
            error,
            self._psycopg.errors.DeadlockDetected | self._psycopg.errors.SerializationFailure,
        )

    def is_lost(self, error: Exception) -> bool:
        """The server is away, restarting, or refuses."""
        return isinstance(error, self._psycopg.OperationalError | self._psycopg.InterfaceError)


_EACH = re.compile(r"IN each\((:\w+)\)")
_SHIFT = re.compile(r"shift\(((?:[^(),]|\(\))+), (:\w+)\)")
_PARAMETER = re.compile(r"(?<!:):(\w+)")


@cache
def _render_for_sqlite(statement: str) -> str:
    return _EACH.sub(r"IN (SELECT value FROM json_each(\1))", statement)


@cache
def _render_for_postgres(statement: str) -> str:
    statement = _EACH.sub(r"= ANY(\1)", statement)
    statement = _SHIFT.sub(r"(\1 + make_interval(secs => \2))", statement)
    return _PARAMETER.sub(r"%(\1)s", statement)


def _utc_now() -> datetime:
    return datetime.now(UTC)
