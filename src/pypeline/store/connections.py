"""One connection of the driver per thread, and transactions that are tried again where that is safe."""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from pypeline.errors import DatabaseUnavailable

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

    def transact(self, work: Callable[[Transaction], T], *, durable: bool = False) -> T:
        """
        Run ``work`` in a transaction of its own and commit.

        It may run more than once: after a deadlock, or because it needs more locks. Raises
        DatabaseUnavailable.
        """
        wide = False
        for remaining in reversed(range(_MOST_TRIES)):
            try:
                return self._once(work, durable=durable, wide=wide)
            except NeedsAllLocks:
                wide = True
            except self.dialect.errors as error:
                if remaining and self.dialect.may_repeat(error):
                    continue
                raise self._translated(error) from error
        raise AssertionError("unreachable")  # pragma: no cover

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work``, which only reads, outside a transaction: each statement sees what is committed."""
        try:
            return work(Transaction(self.current(), self.dialect, durable=False, wide=False))
        except self.dialect.errors as error:
            raise self._translated(error) from error

    def note_growth(self, rows: int) -> None:
        """Tell the database that the table of nodes has grown much; what fails here is no failure."""
        if rows < _MANY_ROWS:
            return
        try:
            self.dialect.note_growth(self.current(), rows)
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

    def _once(self, work: Callable[[Transaction], T], *, durable: bool, wide: bool) -> T:
        if self._writer is None:
            return self._commit(work, durable=durable, wide=wide)
        with self._writer:
            return self._commit(work, durable=durable, wide=wide)

    def _commit(self, work: Callable[[Transaction], T], *, durable: bool, wide: bool) -> T:
        connection = self.current()
        self.dialect.begin(connection)
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
