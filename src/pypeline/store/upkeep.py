"""The questions and repairs of the sweep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pypeline.store.records import AttemptRef, Claim, Ready, Resent

if TYPE_CHECKING:
    from pypeline.store.connections import Transaction

_DAY = 86_400.0
_OF_A_QUIET_QUEUE = 100
"""What a queue without claims is sent again at most: nobody may be listening, and each is a copy then."""

_IS_STALE = """
    SELECT swept_at < shift(now(), :lease) FROM pypeline_turn WHERE app = :app AND broker = :broker
"""
_TAKE_TURN = """
    INSERT INTO pypeline_turn (app, broker, swept_at) VALUES (:app, :broker, now())
    ON CONFLICT (app, broker) DO UPDATE SET swept_at = now()
    WHERE pypeline_turn.swept_at <= shift(now(), :interval)
    RETURNING broker
"""
_MINE = """
    SELECT id FROM pypeline_run WHERE broker = :broker AND app = :app AND state IN ('pending', 'running')
"""
# Locked first, in the one order of all transactions: beats renew leases meanwhile.
_EXTEND_ALL = f"""
    WITH leased AS MATERIALIZED (
        SELECT run_id, position, item FROM pypeline_node
        WHERE state = 'running' AND lease_until IS NOT NULL AND run_id IN ({_MINE})
        ORDER BY run_id, position, item {{lock}})
    UPDATE pypeline_node SET lease_until = shift(now(), :lease)
    WHERE state = 'running' AND lease_until IS NOT NULL
        AND (run_id, position, item) IN (SELECT run_id, position, item FROM leased)
"""
_FORGET_SILENT = "DELETE FROM pypeline_worker WHERE seen_at < shift(now(), :age)"
# Materialized: a subquery that locks rows may be planned to run once for each outer row, past its limit.
_DUE = f"""
    WITH due AS MATERIALIZED (
        SELECT run_id, position, item FROM pypeline_node
        WHERE state = 'retrying' AND due_at <= now()
            AND run_id IN ({_MINE} AND flag IS NULL AND max_concurrency IS {{bounded}} NULL)
        ORDER BY due_at LIMIT :limit {{skip_locked}})
"""
_IS_DUE = "state = 'retrying' AND (run_id, position, item) IN (SELECT run_id, position, item FROM due)"
_QUEUE_DUE = f"""
    {_DUE}
    UPDATE pypeline_node SET state = 'queued', attempt = attempt + 1, token = NULL, due_at = NULL,
        queued_at = now(), sent_at = now()
    WHERE {_IS_DUE}
    RETURNING run_id, position, item, attempt
"""
_FREE_DUE = f"""
    {_DUE}
    UPDATE pypeline_node SET state = 'pending', waiting = 0, token = NULL, due_at = NULL
    WHERE {_IS_DUE}
"""
_LAPSED = f"""
    SELECT run_id, position, item, attempt, token, tries, sent_at, worker FROM pypeline_node
    WHERE state = 'running' AND lease_until < now() AND run_id IN ({_MINE})
    ORDER BY lease_until LIMIT :limit
"""
_QUIET_QUEUES = f"""
    SELECT DISTINCT n.queue FROM pypeline_node n
    LEFT JOIN pypeline_queue q ON q.broker = :broker AND q.name = n.queue
    WHERE n.state = 'queued' AND n.sent_at < shift(now(), :grace) AND n.run_id IN ({_MINE})
        AND (q.claimed_at IS NULL OR q.claimed_at < shift(now(), :grace))
        AND (q.resent_at IS NULL OR q.resent_at < shift(now(), :grace))
"""
_NOTE_RESENT = """
    INSERT INTO pypeline_queue (broker, name, resent_at) VALUES (:broker, :name, now())
    ON CONFLICT (broker, name) DO UPDATE SET resent_at = now()
"""
_SEND_AGAIN = """
    WITH wanted AS MATERIALIZED ({wanted} {skip_locked})
    UPDATE pypeline_node SET attempt = attempt + 1, sent_at = now()
    WHERE state = 'queued' AND (run_id, position, item) IN (SELECT run_id, position, item FROM wanted)
    RETURNING run_id, position, item, attempt
"""
_OVERTAKEN = f"""
    SELECT n.run_id, n.position, n.item FROM pypeline_node n
    JOIN (SELECT name, sent_at FROM pypeline_queue WHERE broker = :broker) AS q ON q.name = n.queue
    WHERE n.state = 'queued' AND n.sent_at < shift(q.sent_at, :margin)
        AND n.run_id IN ({_MINE} AND flag IS NULL)
    ORDER BY n.sent_at LIMIT :limit
"""
_OLDEST = f"""
    SELECT n.run_id, n.position, n.item FROM pypeline_node n
    WHERE n.state = 'queued' AND n.queue = :name AND n.sent_at < shift(now(), :grace)
        AND n.run_id IN ({_MINE} AND flag IS NULL)
    ORDER BY n.sent_at LIMIT :limit
"""
_OVERDUE = f"{_MINE} AND flag IS NULL AND deadline_at < now() ORDER BY deadline_at LIMIT :limit"
_FLAGGED = f"""
    {_MINE} AND flag IS NOT NULL AND EXISTS (
        SELECT 1 FROM pypeline_node
        WHERE run_id = pypeline_run.id AND state IN ('pending', 'queued', 'retrying')) LIMIT :limit
"""
_WITH_ROOM = f"""
    {_MINE} AND flag IS NULL AND in_flight < max_concurrency AND EXISTS (
        SELECT 1 FROM pypeline_node WHERE run_id = pypeline_run.id AND state = 'pending' AND is_ready)
    LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class Mine:
    """
    The runs that a sweep mends: of one application, on one broker.

    Another application may share both database and broker: it has plans, queues and handlers of its own,
    and a turn of its own.
    """

    app: str
    broker: str

    @property
    def params(self) -> dict[str, str]:
        """What the statements ask for."""
        return {"app": self.app, "broker": self.broker}


def begin_sweep(tx: Transaction, mine: Mine, *, interval: float, lease: float) -> bool:
    """Take the turn; after an outage give every lease its time again first. Forget workers long gone."""
    stale = tx.one(_IS_STALE, **mine.params, lease=-lease)
    if not tx.one(_TAKE_TURN, **mine.params, interval=-interval):
        return False
    if stale == (True,):
        tx.run(_EXTEND_ALL.format(lock=tx.dialect.row_lock), **mine.params, lease=lease)
    tx.run(_FORGET_SILENT, age=-_DAY)
    return True


def queue_due(tx: Transaction, mine: Mine, *, limit: int) -> list[Resent]:
    """Retrying → queued; in a run with ``maxConcurrency`` they wait for room as any other."""
    skip_locked = tx.dialect.skip_locked
    tx.run(_FREE_DUE.format(bounded="NOT", skip_locked=skip_locked), **mine.params, limit=limit)
    rows = tx.all(_QUEUE_DUE.format(bounded="", skip_locked=skip_locked), **mine.params, limit=limit)
    return _resent(rows)


def lapsed(tx: Transaction, mine: Mine, *, limit: int) -> list[tuple[Claim, str]]:
    """Claims whose lease is over, and who held them."""
    rows = tx.all(_LAPSED, **mine.params, limit=limit)
    return [
        (Claim(AttemptRef(*ref), token, tries, tx.dialect.time(sent_at)), worker)
        for *ref, token, tries, sent_at, worker in rows
    ]


def requeue_unclaimed(
    tx: Transaction, mine: Mine, *, margin: float, grace: float, limit: int
) -> list[Resent]:
    """What was overtaken on its queue, and the oldest of queues that are quiet."""
    skip_locked = tx.dialect.skip_locked
    overtaken = _SEND_AGAIN.format(wanted=_OVERTAKEN, skip_locked=skip_locked)
    rows = tx.all(overtaken, **mine.params, margin=-margin, limit=limit)
    for (name,) in tx.all(_QUIET_QUEUES, **mine.params, grace=-grace):
        tx.run(_NOTE_RESENT, broker=mine.broker, name=name)
        oldest = _SEND_AGAIN.format(wanted=_OLDEST, skip_locked=skip_locked)
        few = min(limit, _OF_A_QUIET_QUEUE)
        rows += tx.all(oldest, **mine.params, name=name, grace=-grace, limit=few)
    return _resent(rows)


def overdue(tx: Transaction, mine: Mine, *, limit: int) -> list[str]:
    """Runs past their deadline."""
    return [run_id for (run_id,) in tx.all(_OVERDUE, **mine.params, limit=limit)]


def flagged(tx: Transaction, mine: Mine, *, limit: int) -> list[str]:
    """Flagged runs in which something still waits."""
    return [run_id for (run_id,) in tx.all(_FLAGGED, **mine.params, limit=limit)]


def with_room(tx: Transaction, mine: Mine, *, limit: int) -> list[str]:
    """Bounded runs that could send more."""
    return [run_id for (run_id,) in tx.all(_WITH_ROOM, **mine.params, limit=limit)]


def _resent(rows: list[tuple[Any, ...]]) -> list[Resent]:
    """``(run, position, item, attempt)`` rows as one `Resent` a run, its nodes in order."""
    found: dict[str, list[Ready]] = {}
    for run_id, *ready in sorted(rows):
        found.setdefault(run_id, []).append(Ready(*ready))
    return [Resent(run_id, tuple(ready)) for run_id, ready in found.items()]
