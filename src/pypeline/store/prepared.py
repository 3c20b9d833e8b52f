"""Statements by name, handed to libpq as they are: the hot path spends more on a cursor than on waiting."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class PreparedStatements:
    """
    Executes statements of numbered parameters on one connection of psycopg, which is in no transaction.

    Each is prepared when it is first met, unless the connection prepares nothing. Parameters are text; rows
    are read as psycopg reads them. It blocks its thread, and knows of no event loop; where it may not
    (``blocks``), the driver's cursor does it.
    """

    def __init__(self, connection: Any, *, blocks: bool = True) -> None:
        import psycopg  # noqa: PLC0415 - an optional extra
        from psycopg.adapt import Transformer  # noqa: PLC0415

        self._psycopg = psycopg
        self._connection = connection
        self._wire = connection.pgconn
        self._rows = Transformer(connection)
        self._names: dict[str, bytes] = {}
        # Greenlets share a thread: one that waits for a lock must let its holder go on.
        self._cursor = None if blocks and not _are_greenlets() else psycopg.RawCursor(connection)

    def execute(self, statement: str, values: Sequence[str | None]) -> list[tuple[Any, ...]]:
        """The rows that the statement answers. Raises what psycopg would."""
        if self._cursor is not None:
            rows: list[tuple[Any, ...]] = self._cursor.execute(statement, values).fetchall()
            return rows
        texts = [None if value is None else value.encode() for value in values]
        result = self._checked(self._executed(statement, texts))
        self._rows.set_pgresult(result)
        found: list[tuple[Any, ...]] = self._rows.load_rows(0, result.ntuples, tuple)
        return found

    def _executed(self, statement: str, texts: list[bytes | None]) -> Any:
        if self._connection.prepare_threshold is None:
            return self._wire.exec_params(statement.encode(), texts, result_format=1)
        name = self._names.get(statement)
        if name is None:
            name = b"pypeline_%d" % len(self._names)
            self._checked(self._wire.prepare(name, statement.encode()))
            self._names[statement] = name
        return self._wire.exec_prepared(name, texts, result_format=1)

    def _checked(self, result: Any) -> Any:
        pq = self._psycopg.pq
        if result.status in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
            return result
        if self._wire.status == pq.ConnStatus.BAD:
            raise self._psycopg.OperationalError(self._wire.get_error_message())
        raise self._psycopg.errors.error_from_result(result)


def _are_greenlets() -> bool:
    """True where gevent has put greenlets in the place of threads: psycopg asks in the same way."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and monkey.is_module_patched("select")
