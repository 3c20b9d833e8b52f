"""How far the attempts are that say so: a row a node or item, beside the row of the node, which is hot."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pypeline.store.connections import Connections, Transaction
    from pypeline.store.records import ProgressReport

# Of a run that is gone by now there is nothing to say: it is asked for, lest its key be missed. An attempt
# that was given up may report still; what came after it stands.
_NOTE = """
    INSERT INTO pypeline_progress (run_id, position, item, attempt, done, total)
    SELECT id, :position, :item, :attempt, :done, :total FROM pypeline_run WHERE id = :run
    ON CONFLICT (run_id, position, item) DO UPDATE
    SET attempt = excluded.attempt, done = excluded.done, total = excluded.total
    WHERE pypeline_progress.attempt <= excluded.attempt
"""


class SqlProgress:
    """The port of progress on a SQL database, on the connections of its store."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def note(self, reports: Iterable[ProgressReport]) -> None:
        """Keep the last of what each attempt says of itself."""
        rows = {report.ref: report for report in reports}
        if rows:
            # In one order: two processes may report on the same nodes.
            ordered = [
                rows[ref] for ref in sorted(rows, key=lambda ref: (ref.run_id, ref.position, ref.item))
            ]
            self._connections.transact(partial(_note, reports=ordered))


def _note(tx: Transaction, reports: list[ProgressReport]) -> None:
    tx.many(
        _NOTE,
        [
            {
                "run": report.ref.run_id,
                "position": report.ref.position,
                "item": report.ref.item,
                "attempt": report.ref.attempt,
                "done": report.progress.done,
                "total": report.progress.total,
            }
            for report in reports
        ],
    )
