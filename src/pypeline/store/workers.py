"""What workers say at each beat, and what is known of them and of the queues that they read."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pypeline.store.records import QueueRecord, WorkerRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from pypeline.store.connections import Transaction
    from pypeline.store.records import AttemptRef, WorkerBeat

_SEEN = """
    INSERT INTO pypeline_worker
        (id, app, broker, queues, service, pool, concurrency, version, started_at, seen_at, clock_at)
    VALUES (:id, :app, :broker, :queues, :service, :pool, :concurrency, :version, now(), now(), :clock)
    ON CONFLICT (id) DO UPDATE SET seen_at = now(), clock_at = excluded.clock_at, queues = excluded.queues
"""
_CLAIMED = """
    INSERT INTO pypeline_queue (broker, name, sent_at, claimed_at) VALUES (:broker, :name, :sent_at, now())
    ON CONFLICT (broker, name) DO UPDATE SET claimed_at = now(), sent_at = CASE
        WHEN pypeline_queue.sent_at > excluded.sent_at THEN pypeline_queue.sent_at ELSE excluded.sent_at END
"""
# Locked first, in the one order of all transactions.
_RENEW = """
    WITH held AS MATERIALIZED (
        SELECT n.run_id, n.position, n.item
        FROM rows(:held AS h, run_id text, position integer, item integer, attempt integer)
        JOIN pypeline_node n ON n.run_id = h.run_id AND n.position = h.position AND n.item = h.item
        WHERE n.attempt = h.attempt AND n.state = 'running' AND n.worker = :worker
        ORDER BY n.run_id, n.position, n.item {lock})
    UPDATE pypeline_node SET lease_until = shift(now(), :lease)
    WHERE state = 'running' AND (run_id, position, item) IN (SELECT run_id, position, item FROM held)
"""
_FLAGGED_OF = "SELECT id FROM pypeline_run WHERE flag IS NOT NULL AND id IN each(:runs)"
_FORGET = "DELETE FROM pypeline_worker WHERE id = :id"
_OWNER_SEEN = "SELECT max(seen_at), now() FROM pypeline_worker WHERE broker = :broker"
_WORKERS = """
    SELECT id, app, broker, queues, service, pool, concurrency, version, started_at, seen_at,
        coalesce(clock_at, seen_at), now()
    FROM pypeline_worker WHERE broker = :broker ORDER BY id
"""
# Concatenated, so that the nodes of a run are not looked up by its id: what is queued has a shorter index.
_WAITING = """
    SELECT queue, count(*), min(sent_at) FROM pypeline_node
    WHERE state = 'queued' AND run_id || '' IN (
        SELECT id FROM pypeline_run WHERE broker = :broker AND app = :app AND state IN ('pending', 'running'))
    GROUP BY queue
"""
_LAST_CLAIMS = "SELECT name, claimed_at FROM pypeline_queue WHERE broker = :broker AND claimed_at IS NOT NULL"
_CLOCK = "SELECT now()"


def beat(
    tx: Transaction, said: WorkerBeat, held: Sequence[AttemptRef], *, app: str, lease: float
) -> frozenset[str]:
    """Keep a worker's leases, its sign of life and its newest claims."""
    if held:
        renew = _RENEW.format(lock=tx.dialect.row_lock)
        refs = json.dumps([asdict(ref) for ref in held])
        tx.run(renew, held=refs, worker=said.worker_id, lease=lease)
    tx.run(_SEEN, **_worker_row(tx, said, app))
    note_claims(tx, said.broker, said.claims)
    return flagged_among(tx, {ref.run_id for ref in held})


def note_claims(tx: Transaction, broker: str, claims: Mapping[str, datetime]) -> None:
    """Keep the newest claim of each queue."""
    for name, sent_at in sorted(claims.items()):
        tx.run(_CLAIMED, broker=broker, name=name, sent_at=tx.dialect.moment(sent_at))


def flagged_among(tx: Transaction, run_ids: Iterable[str]) -> frozenset[str]:
    """Those of the runs that are flagged."""
    runs = sorted(run_ids)
    return frozenset(run_id for (run_id,) in tx.all(_FLAGGED_OF, runs=runs)) if runs else frozenset()


def forget(tx: Transaction, worker_id: str) -> None:
    """Drop a worker's row."""
    tx.run(_FORGET, id=worker_id)


def owner_seen(tx: Transaction, broker: str) -> float | None:
    """Seconds since a worker of this broker gave a sign of life."""
    row = tx.one(_OWNER_SEEN, broker=broker)
    if row is None or row[0] is None:
        return None
    seen, now = (tx.dialect.time(value) for value in row)
    return (now - seen).total_seconds()


def workers(tx: Transaction, broker: str) -> list[WorkerRecord]:
    """The workers of a broker, as their last beats told."""
    return [_worker_record(tx, row) for row in tx.all(_WORKERS, broker=broker)]


def queues(tx: Transaction, broker: str, *, app: str) -> list[QueueRecord]:
    """What of an application waits in the queues of a broker, and when each was claimed from."""
    now = clock(tx)

    def since(value: Any) -> float | None:
        return None if value is None else (now - tx.dialect.time(value)).total_seconds()

    waiting = {name: (number, oldest) for name, number, oldest in tx.all(_WAITING, broker=broker, app=app)}
    claimed = dict(tx.all(_LAST_CLAIMS, broker=broker))
    found = []
    for name in sorted({*waiting, *claimed}):
        number, oldest = waiting.get(name, (0, None))
        found.append(QueueRecord(name, number, since(oldest), since(claimed.get(name))))
    return found


def clock(tx: Transaction) -> datetime:
    """The database's time."""
    row = tx.one(_CLOCK)
    assert row is not None, "a time is always answered"  # noqa: S101 - SELECT without FROM
    return tx.dialect.time(row[0])


def _worker_row(tx: Transaction, said: WorkerBeat, app: str) -> dict[str, Any]:
    return {
        "id": said.worker_id,
        "app": app,
        "broker": said.broker,
        "queues": json.dumps(said.queues),
        "service": said.service,
        "pool": said.pool,
        "concurrency": said.concurrency,
        "version": said.version,
        "clock": tx.dialect.moment(said.clock),
    }


def _worker_record(tx: Transaction, row: tuple[Any, ...]) -> WorkerRecord:
    worker_id, app, broker, queues_, service, pool, concurrency, version, *times = row
    started_at, seen_at, clock_at, now = (tx.dialect.time(value) for value in times)
    return WorkerRecord(
        worker_id=worker_id,
        app=app,
        broker=broker,
        queues=tuple(json.loads(queues_)),
        service=service,
        pool=pool,
        concurrency=concurrency,
        version=version,
        started_at=started_at,
        seen_at=seen_at,
        silent=(now - seen_at).total_seconds(),
        skew=(clock_at - seen_at).total_seconds(),
    )
