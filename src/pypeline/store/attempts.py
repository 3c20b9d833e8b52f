"""The hot path: claiming an attempt and recording how it ended."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pypeline.runs.outcome import ErrorInfo, Failed, Postponed, SkippedByHandler, Succeeded
from pypeline.runs.states import NodeState
from pypeline.store.records import NODE, Claim, Ready, Recorded
from pypeline.store.settle import Settlement

if TYPE_CHECKING:
    from pypeline.runs.outcome import Outcome
    from pypeline.runs.plan import Plan
    from pypeline.store.connections import Transaction
    from pypeline.store.records import AttemptRef

_THIS = "run_id = :run AND position = :position AND item = :item AND attempt = :attempt"

# Concatenated, so that the index of queued nodes, which may be long, is no candidate.
_CLAIM = f"""
    UPDATE pypeline_node SET state = 'running', token = :token, worker = :worker, started_at = now(),
        lease_until = shift(now(), :lease)
    WHERE {_THIS} AND state || '' = 'queued'
        AND EXISTS (SELECT 1 FROM pypeline_run WHERE id = :run AND flag IS NULL)
    RETURNING tries, sent_at, (SELECT state FROM pypeline_run WHERE id = :run)
"""
_CLAIMED_BEFORE = f"""
    SELECT tries, sent_at, 'running' FROM pypeline_node WHERE {_THIS} AND state = 'running' AND token = :token
"""
_HELD_BY = f"""
    SELECT token, tries, sent_at FROM pypeline_node
    WHERE {_THIS} AND state = 'running' AND worker = :worker
"""
_RUN_STARTS = """
    UPDATE pypeline_run SET state = 'running', started_at = coalesce(started_at, now())
    WHERE id = :run AND state = 'pending'
"""
_HELD = f"{_THIS} AND state = 'running' AND token = :token"
_END = f"""
    UPDATE pypeline_node SET state = :state, result = :result, elements = :elements, error = :error,
        tries = tries + :charged, finished_at = now(), lease_until = NULL, due_at = NULL
    WHERE {_HELD}
"""
_POSTPONE = f"""
    UPDATE pypeline_node SET state = 'retrying', error = :error, tries = tries + :charged, lease_until = NULL,
        due_at = shift(now(), :delay)
    WHERE {_HELD}
"""
_KEEP_ATTEMPT = f"""
    INSERT INTO pypeline_attempt
        (run_id, position, item, attempt, outcome, worker, started_at, finished_at, error)
    SELECT run_id, position, item, attempt, :outcome, worker, started_at, now(), :error
    FROM pypeline_node WHERE {_THIS}
"""
_KEEP_LOG = """
    INSERT INTO pypeline_log (run_id, position, item, attempt, text)
    VALUES (:run, :position, :item, :attempt, :text)
"""
_KEEP_ELEMENT = """
    INSERT INTO pypeline_element (run_id, position, element, value) VALUES (:run, :position, :element, :value)
"""
_IS_LAPSED = f"SELECT 1 FROM pypeline_node WHERE {_HELD} AND lease_until < now() {{lock}}"
_GIVE_BACK = f"""
    UPDATE pypeline_node SET state = 'queued', attempt = attempt + 1, token = NULL, lease_until = NULL,
        queued_at = now(), sent_at = now()
    WHERE {_HELD} RETURNING position, item, attempt
"""


def claim(tx: Transaction, ref: AttemptRef, *, token: str, worker: str, lease: float) -> Claim | None:
    """Queued → running, under a lease; the first claim of a run starts it."""
    key = _key(ref) | {"token": token}
    row = tx.one(_CLAIM, **key, worker=worker, lease=lease) or tx.one(_CLAIMED_BEFORE, **key)
    if row is None:
        return None
    tries, sent_at, run_state = row
    if run_state == "pending":
        tx.run(_RUN_STARTS, run=ref.run_id)
    return Claim(ref, token, tries, tx.dialect.time(sent_at))


def held_by(tx: Transaction, ref: AttemptRef, *, worker: str) -> Claim | None:
    """The claim of a running attempt that this worker holds."""
    row = tx.one(_HELD_BY, **_key(ref), worker=worker)
    if row is None:
        return None
    token, tries, sent_at = row
    return Claim(ref, token, tries, tx.dialect.time(sent_at))


def record(tx: Transaction, plan: Plan, held: Claim, outcome: Outcome, *, delay: float | None) -> Recorded:
    """Running → how it ended; then all that follows from it."""
    ref = held.ref
    settlement = Settlement(tx, plan, ref.run_id)
    _lock(settlement, ref)
    change = change_of(outcome, delay=delay)
    if not _apply(tx, held, change):
        return Recorded(accepted=False)
    _keep(tx, ref, outcome, change)
    settlement.freed = 1
    if change.state.is_terminal:
        settlement.ended(ref.position, ref.item, change.state)
    finished = settlement.conclude()
    return Recorded(accepted=True, ready=tuple(settlement.ready), finished=finished)


def lose(tx: Transaction, plan: Plan, held: Claim, *, delay: float | None, error: ErrorInfo) -> Recorded:
    """As `record` of a failure, if the lease is still lapsed."""
    _lock(Settlement(tx, plan, held.ref.run_id), held.ref)
    # Locked, so that a beat cannot renew the lease between this look and the charge.
    lapsed = _IS_LAPSED.format(lock=tx.dialect.row_lock)
    if not tx.one(lapsed, **_key(held.ref), token=held.token):
        return Recorded(accepted=False)
    return record(tx, plan, held, Failed(error), delay=delay)


def give_back(tx: Transaction, held: Claim) -> Ready | None:
    """Running → queued, uncharged."""
    row = tx.one(_GIVE_BACK, **_key(held.ref), token=held.token)
    return None if row is None else Ready(*row)


@dataclass(frozen=True, slots=True)
class Change:
    """What an outcome writes into the node's row, and into the history."""

    state: NodeState
    error: ErrorInfo | None = None
    result: str | None = None
    elements: int | None = None
    charged: int = 0
    delay: float | None = None
    history: str | None = None

    @property
    def error_text(self) -> str | None:
        """The error as it is kept."""
        return None if self.error is None else json.dumps(asdict(self.error))


def change_of(outcome: Outcome, *, delay: float | None) -> Change:
    """What is to be written; ``delay`` as in `record`."""
    match outcome:
        case Succeeded(result=result, elements=elements):
            count = None if elements is None else len(elements)
            return Change(NodeState.SUCCESS, result=result, elements=count)
        case SkippedByHandler(reason=reason):
            return Change(NodeState.SKIPPED, ErrorInfo("Skip", reason))
        case Postponed(seconds=seconds, reason=reason):
            return Change(NodeState.RETRYING, ErrorInfo("RetryLater", reason), delay=seconds)
        case Failed(error=error):
            state = NodeState.FAILED if delay is None else NodeState.RETRYING
            history = "lost" if error.type == "WorkerLost" else "failed"
            return Change(state, error, charged=1, delay=delay, history=history)


def _lock(settlement: Settlement, ref: AttemptRef) -> None:
    """The node itself, before its item and its successors: the order of every transaction."""
    if settlement.tx.wide or ref.item != NODE:
        settlement.lock([ref.position])


def _apply(tx: Transaction, held: Claim, change: Change) -> bool:
    key = _key(held.ref) | {"token": held.token, "charged": change.charged, "error": change.error_text}
    if change.state is NodeState.RETRYING:
        return bool(tx.run(_POSTPONE, **key, delay=change.delay))
    return bool(tx.run(_END, **key, state=change.state, result=change.result, elements=change.elements))


def _keep(tx: Transaction, ref: AttemptRef, outcome: Outcome, change: Change) -> None:
    key = _key(ref)
    if change.history:
        tx.run(_KEEP_ATTEMPT, **key, outcome=change.history, error=change.error_text)
    if outcome.log:
        tx.run(_KEEP_LOG, **key, text=outcome.log)
    if isinstance(outcome, Succeeded) and outcome.elements:
        rows = (
            {"run": ref.run_id, "position": ref.position, "element": index, "value": value}
            for index, value in enumerate(outcome.elements)
        )
        tx.many(_KEEP_ELEMENT, rows)


def _key(ref: AttemptRef) -> dict[str, Any]:
    return {"run": ref.run_id, "position": ref.position, "item": ref.item, "attempt": ref.attempt}
