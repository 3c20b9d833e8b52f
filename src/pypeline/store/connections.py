"""One connection of the driver per thread, and transactions that are tried again where that is safe."""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pypeline.errors import DatabaseUnavailable
from pypeline.store.rendering import for_postgres_alone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pypeline.store.dialects import Dialect

T = TypeVar("T")

_MOST_TRIES = 20
_MANY_ROWS = 500


class Transaction:
    """Statements that take effect together. ``durable`` may be set until it commits."""

    def __init__(self, connection: Any, dialect: Dialect, *, durable: bool, wide: bool) -> None:
        self._connection = connection
        self.dialect = dialect
        self.durable = durable
        self.wide = wide

    def all(self, statement: str, **params: Any) -> list[tuple[Any, ...]]:
        """Every row that the statement answers."""
        rows: list[tuple[Any, ...]] = self._execute(statement, params).fetchall()
        return rows

    def one(self, statement: str, **params: Any) -> tuple[Any, ...] | None:
        """The first row that the statement answers, or None."""
        # All rows are fetched: SQLite finishes a statement with RETURNING only then.
        rows = self._execute(statement, params).fetchall()
        return rows[0] if rows else None

    def run(self, statement: str, **params: Any) -> int:
        """How many rows the statement changed."""
        changed: int = self._execute(statement, params).rowcount
        return changed

    def many(self, statement: str, rows: Iterable[dict[str, Any]]) -> None:
        """Run the statement once for each of the rows."""
        cursor = self._connection.cursor()
        cursor.executemany(self.dialect.render(statement), [self.dialect.params(row) for row in rows])
        if self.dialect.locks_rows:
            # The driver ends a batch with a flush, after which PostgreSQL counts no idleness until it is
            # asked again: what limits the idleness of a transaction would not hold.
            self._connection.execute("SELECT 1")

    def _execute(self, statement: str, params: dict[str, Any]) -> Any:
        return self._connection.execute(self.dialect.render(statement), self.dialect.params(params))


class NeedsAllLocks(Exception):  # noqa: N818 - a signal, never seen outside
    """The transaction found that it will touch nodes out of order; it starts again and locks all first."""


class Connections:
    """The connections of one process, a thread each; after a fork the child opens its own."""

    def __init__(self, dialect: Dialect, *, url: str) -> None:
        self.dialect = dialect
        self._url = url
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[_Held] = weakref.WeakSet()
        # Threads of one process queue here, in order, rather than in SQLite's sleeping busy handler.
        self._writer = threading.Lock() if not dialect.locks_rows else None
        self._pid = os.getpid()
        self._parents: object = None
        self._grown = 0

    def transact(self, work: Callable[[Transaction], T], *, durable: bool = False) -> T:
        """
        Run ``work`` in a transaction of its own and commit.

        It may run more than once: after a deadlock, or because it needs more locks. Raises
        DatabaseUnavailable.
        """
        try:
            return self._persist(partial(self._once, work, durable=durable, wide=False))
        except NeedsAllLocks:
            return self._persist(partial(self._once, work, durable=durable, wide=True))

    def alone(self, statement: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        """
        The rows of one statement that is a transaction by itself, and safe to repeat: in one round trip.

        For dialects that say ``one_statement``. Raises DatabaseUnavailable.
        """
        return self._persist(
            partial(self._asked, partial(_execute_alone, statement=statement, params=params))
        )

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work``, which only reads, outside a transaction: each statement sees what is committed."""

        def ask(connection: Any) -> T:
            return work(Transaction(connection, self.dialect, durable=False, wide=False))

        return self._persist(partial(self._asked, ask))

    def note_growth(self, rows: int) -> None:
        """Tell the database when the table of nodes has grown much; what fails here is no failure."""
        self._grown += rows
        if self._grown < _MANY_ROWS:
            return
        rows, self._grown = self._grown, 0
        try:
            self.dialect.note_growth(self.current(), rows)
        except DatabaseUnavailable:
            return
        except self.dialect.errors as error:
            self._translated(error)

    def close(self) -> None:
        """Close the connections of every thread."""
        with self._lock:
            for held in list(self._open):
                with suppress(self.dialect.errors):
                    held.close()
            self._open.clear()
        self._local = threading.local()

    def current(self) -> Any:
        """The connection of this thread, opened on first use."""
        if self._pid != os.getpid():
            self._forget_the_parents()
        held: _Held | None = getattr(self._local, "held", None)
        if held is None:
            held = self._local.held = _Held(self.dialect.connect())
            with self._lock:
                self._open.add(held)
        return held.connection

    def _persist(self, attempt: Callable[[], T]) -> T:
        """Repeat what was undone without a fault of its own."""
        for remaining in reversed(range(_MOST_TRIES)):
            try:
                return attempt()
            except self.dialect.errors as error:
                if remaining and (self.dialect.may_repeat(error) or self._was_mended(error)):
                    continue
                raise self._translated(error) from error
        raise AssertionError("unreachable")  # pragma: no cover

    def _asked(self, question: Callable[[Any], T]) -> T:
        """The answer to what is safe to repeat; on a new connection where that of this thread has died."""
        connection = self.current()
        try:
            return question(connection)
        except self.dialect.errors:
            if not self.dialect.is_dead(connection):
                raise
            self._drop()
        return question(self.current())

    def _was_mended(self, error: Exception) -> bool:
        held: _Held | None = getattr(self._local, "held", None)
        return held is not None and self.dialect.was_mended(held.connection, error)

    def _begun(self, connection: Any) -> Any:
        self.dialect.begin(connection)
        return connection

    def _once(self, work: Callable[[Transaction], T], *, durable: bool, wide: bool) -> T:
        if self._writer is None:
            return self._commit(work, durable=durable, wide=wide)
        with self._writer:
            return self._commit(work, durable=durable, wide=wide)

    def _commit(self, work: Callable[[Transaction], T], *, durable: bool, wide: bool) -> T:
        connection = self._asked(self._begun)
        transaction = Transaction(connection, self.dialect, durable=durable, wide=wide)
        try:
            answer = work(transaction)
            self.dialect.commit(connection, durable=transaction.durable)
        except BaseException:
            with suppress(self.dialect.errors):
                connection.execute("ROLLBACK")
            raise
        return answer

    def _translated(self, error: Exception) -> Exception:
        if not self.dialect.is_lost(error):
            return error
        self._drop()
        return DatabaseUnavailable(self._url, error)

    def _drop(self) -> None:
        held: _Held | None = getattr(self._local, "held", None)
        self._local.held = None
        if held is not None:
            with suppress(self.dialect.errors):
                held.close()

    def _forget_the_parents(self) -> None:
        self._parents = (self._parents, self._local)  # kept, so that nothing of the parent's is closed here
        self._pid = os.getpid()
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open = weakref.WeakSet()
        self._writer = threading.Lock() if self._writer is not None else None


class _Held:
    """A thread's connection. It is closed when the thread is gone, but never by the child of a fork."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._pid = os.getpid()

    def close(self) -> None:
        if self._pid == os.getpid():
            self.connection.close()

    def __del__(self) -> None:
        # Whatever a driver says of a connection that nobody can use any more, there is nobody to hear it.
        with suppress(Exception):
            self.close()


def _execute_alone(connection: Any, *, statement: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    text, names = for_postgres_alone(statement)
    rows: list[tuple[Any, ...]] = connection.alone.execute(text, [params[name] for name in names])
    return rows
