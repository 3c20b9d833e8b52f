"""SQLite through the standard library."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING

from pypeline.errors import DatabaseUnavailable
from pypeline.store import rendering
from pypeline.store.timestamps import format_time, parse_time, shift_time

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import URL

    from pypeline.store.rendering import Params
    from pypeline.store.timestamps import Clock

BUSY_TIMEOUT = 30.0  # seconds that a writer waits for another one


class SqliteDialect:
    """SQLite: WAL, one writer at a time (``BEGIN IMMEDIATE``), the clock of this host."""

    name = "sqlite"
    locks_rows = False
    one_statement = False
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
        """Give a connection our settings and the three functions that statements use."""
        connection.create_function("now", 0, lambda: format_time(self._clock()))
        connection.create_function("shift", 2, shift_time, deterministic=True)
        connection.create_function("fingerprint", -1, _fingerprint, deterministic=True)
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT * 1000)}")
        # Changing the journal mode does not wait for the busy timeout; another process that opens the same
        # new file may hold it.
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")

    def render(self, statement: str) -> str:
        """Lists are JSON arrays."""
        return rendering.for_sqlite(statement)

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

    def was_mended(self, connection: sqlite3.Connection, error: Exception) -> bool:
        """Never: nothing stands between us and the file."""
        del connection, error
        return False

    def is_dead(self, connection: sqlite3.Connection) -> bool:
        """Never: there is no server to lose."""
        del connection
        return False

    def is_lost(self, error: Exception) -> bool:
        """The file is locked for too long, cannot be opened, or its disk is full."""
        return isinstance(error, sqlite3.OperationalError)


def _fingerprint(*values: object) -> int:
    """Of 42 bits: SQLite adds up two million of them before it complains."""
    digest = hashlib.blake2b(repr(values).encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 22
