"""What each database must answer: how to connect, how a transaction begins and ends, what an error means."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from pypeline.errors import InvalidSetting
from pypeline.store.postgresql import PostgresDialect
from pypeline.store.sqlite import SqliteDialect
from pypeline.store.urls import parsed_url

if TYPE_CHECKING:
    from pypeline.store.rendering import Params
    from pypeline.store.timestamps import Clock


class Dialect(Protocol):
    """
    One kind of database, reached through its own driver.

    ``one_statement``: the hot path is `pypeline.store.one_statement`, on connections that have a cursor
    ``alone`` for it.
    """

    name: str
    locks_rows: bool
    one_statement: bool
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

    def was_mended(self, connection: Any, error: Exception) -> bool:
        """True if the connection was used wrongly, the work was undone, and it will go well from now on."""

    def is_dead(self, connection: Any) -> bool:
        """True if the connection was found to be closed from the other side."""

    def is_lost(self, error: Exception) -> bool:
        """True if the database is away or stays locked; the connection is of no more use."""


def dialect_for(url: str, *, clock: Clock | None = None, patient: bool = True) -> Dialect:
    """
    The dialect of a SQLAlchemy URL. A ``clock`` replaces the database's own, in SQLite only.

    ``patient``: as `pypeline.store.sql_store.SqlStore` has it.
    """
    parsed = parsed_url(url)
    match parsed.get_backend_name():
        case "sqlite" if parsed.database in (None, "", ":memory:"):
            raise InvalidSetting(
                "PYPELINE_DATABASE_URL", "a database in memory has one connection; use sqlite:///pypeline.db"
            )
        case "sqlite":
            return SqliteDialect(parsed, clock=clock or _utc_now)
        case "postgresql":
            return PostgresDialect(parsed, patient=patient)
        case other:
            raise InvalidSetting(
                "PYPELINE_DATABASE_URL", f"{other} is not supported; use postgresql:// or sqlite:///"
            )


def _utc_now() -> datetime:
    return datetime.now(UTC)
