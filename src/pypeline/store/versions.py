"""
The version of a run, or of a page of runs: a short text that is another one whenever what is shown is.

Each row becomes one number of what it shows, and the numbers are added up: one pass by the primary key, in
no order. Not hashed are an attempt's result, its error and its elements, which are written in one statement
with its state and time, and change with those only; nor leases, which change and are not shown.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pypeline.errors import UnknownRun
from pypeline.store.records import RunVersion
from pypeline.store.runs import page_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pypeline.store.connections import Transaction
    from pypeline.store.records import RunFilter

# The nodes of a run that has ended stay as they are until it is opened again, and it ends at another time
# then: they are not read. An attempt may still say how far it was after its run has ended.
_VERSION = """
    SELECT r.app, r.broker, count(CASE WHEN n.state = 'queued' THEN 1 END),
        fingerprint(r.state, r.flag, r.broker, r.started_at, r.finished_at),
        sum(fingerprint(n.position, n.item, n.state, n.attempt, n.tries, n.waiting, n.items, n.worker,
            n.queued_at, n.started_at, n.finished_at, n.due_at)),
        (SELECT sum(fingerprint(position, item, attempt, done, total))
            FROM pypeline_progress WHERE run_id = :run)
    FROM pypeline_run r LEFT JOIN pypeline_node n
        ON n.run_id = CASE WHEN r.state IN ('pending', 'running') THEN r.id END
    WHERE r.id = :run AND r.app = :app GROUP BY r.id
"""


# Of an open run its counts are shown, which move with the states of its nodes.
_PAGE_VERSION = """
    WITH page AS ({page})
    SELECT count(*), sum(fingerprint(id, state, flag, started_at, finished_at)),
        (SELECT sum(fingerprint(run_id, position, item, state)) FROM pypeline_node
            WHERE run_id IN (SELECT id FROM page WHERE state IN ('pending', 'running')))
    FROM page
"""


def run_version(tx: Transaction, run_id: str, *, app: str) -> RunVersion:
    """The version of a run as it stands."""
    row = tx.one(_VERSION, run=run_id, app=app)
    if row is None:
        raise UnknownRun(run_id)
    app, broker, queued, *numbers = row
    return RunVersion(_text(numbers), app, broker, has_queued=queued > 0)


def runs_version(tx: Transaction, wanted: RunFilter, *, app: str) -> str:
    """The version of a page of runs as it stands."""
    page, params = page_of(tx, wanted, app=app)
    row = tx.one(_PAGE_VERSION.format(page=page), **params)
    assert row is not None, "an aggregate has a row"  # noqa: S101 - of SQL
    return _text(row)


def _text(numbers: Iterable[object]) -> str:
    return hashlib.sha256("-".join(map(str, numbers)).encode()).hexdigest()[:24]
