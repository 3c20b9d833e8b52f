"""PostgreSQL through psycopg 3."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from pypeline.errors import DatabaseUnavailable, MissingExtra
from pypeline.store import rendering
from pypeline.store.prepared import PreparedStatements
from pypeline.store.pulse import Pulse

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import URL

    from pypeline.store.rendering import Params

_KNOWN_ROWS = "SELECT reltuples FROM pg_class WHERE oid = 'pypeline_node'::regclass"
_KEEPALIVE = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
"""
Seconds, and milliseconds, after which the host of a server that is gone without a word is noticed: about 25
s. The kernel's own limits are hours for who waits, a quarter of one for who sends.
"""

_ENOUGH = 4  # a table that grows by less than a quarter keeps its statistics until autovacuum comes


class PostgresDialect:
    """PostgreSQL through psycopg 3: row locks, the server's clock, statements that prepare themselves."""

    name = "postgresql"
    locks_rows = True
    one_statement = True
    row_lock = "FOR NO KEY UPDATE"
    skip_locked = "FOR NO KEY UPDATE SKIP LOCKED"

    def __init__(self, url: URL, *, patient: bool = True) -> None:
        try:
            import psycopg  # noqa: PLC0415 - an optional extra
        except ImportError as error:
            raise MissingExtra("PostgreSQL", "postgres") from error
        self._psycopg = psycopg
        self.errors: type[Exception] = psycopg.Error
        self._conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._shown = url.set(drivername="postgresql").render_as_string()
        self._options: dict[str, Any] = {
            name: value for name, value in _KEEPALIVE.items() if name not in url.query
        }
        self._pulse = None if patient else Pulse(self._knock, psycopg.errors.ConnectionTimeout)

    def connect(self) -> Any:
        """
        Transactions are begun and ended by name; statements prepare themselves, but for a pooler.

        Behind a pooler each transaction may reach another session, where the same name may stand for
        another statement.
        """
        try:
            connection = self._opened()
            if _is_pooled(connection):
                connection.prepare_threshold = None
        except self._psycopg.Error as error:
            raise DatabaseUnavailable(self._shown, error) from error
        connection.alone = PreparedStatements(connection, blocks=self._pulse is None)
        return connection

    def render(self, statement: str) -> str:
        """Lists are arrays, times are shifted by intervals."""
        return rendering.for_postgres(statement)

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
        """A deadlock, a serialization failure, or a definition that was pruned while it was used anew."""
        errors = self._psycopg.errors
        return isinstance(
            error, errors.DeadlockDetected | errors.SerializationFailure | errors.ForeignKeyViolation
        )

    def was_mended(self, connection: Any, error: Exception) -> bool:
        """A pooler that was not known as one: its sessions do not have what was prepared."""
        errors = self._psycopg.errors
        if not isinstance(error, errors.DuplicatePreparedStatement | errors.InvalidSqlStatementName):
            return False
        connection.prepare_threshold = None
        return True

    def is_dead(self, connection: Any) -> bool:
        """The server has ended it, or is gone."""
        dead: bool = connection.closed
        return dead

    def is_lost(self, error: Exception) -> bool:
        """The server is away, restarting, refuses, or has become a standby."""
        errors = self._psycopg
        lost = errors.OperationalError | errors.InterfaceError | errors.errors.ReadOnlySqlTransaction
        return isinstance(error, lost)

    def _opened(self) -> Any:
        if self._pulse is None:
            return self._psycopg.connect(self._conninfo, autocommit=True, **self._options)
        from pypeline.store.watched import WatchedConnection  # noqa: PLC0415 - an optional extra

        if not self._pulse.is_felt():
            raise self._psycopg.OperationalError("the server says nothing")
        connection = WatchedConnection.connect(self._conninfo, autocommit=True, **self._options)
        connection.pulse = self._pulse
        return connection

    def _knock(self) -> None:
        self._psycopg.connect(self._conninfo).close()


def _is_pooled(connection: Any) -> bool:
    """A pooler invents the process id that it tells its clients."""
    (pid,) = connection.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
    pooled: bool = pid != connection.info.backend_pid
    return pooled
