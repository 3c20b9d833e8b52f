"""The audit on a SQL database: one row for each change that is asked for."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from pypeline.store.audit_base import AuditRecord

if TYPE_CHECKING:
    from pypeline.store.audit_base import NewAuditEntry
    from pypeline.store.connections import Connections, Transaction

_NOTE = """
    INSERT INTO pypeline_audit (app, at, actor, role, action, target, source, detail)
    VALUES (:app, now(), :actor, :role, :action, :target, :source, :detail) RETURNING id
"""
_SETTLE = "UPDATE pypeline_audit SET status = :status, run_id = :run WHERE id = :id AND app = :app"
_ENTRIES = """
    SELECT id, at, actor, role, action, source, target, detail, status, run_id FROM pypeline_audit
    WHERE app = :app{conditions} ORDER BY id DESC LIMIT :limit
"""
_CONDITIONS = {
    "before": " AND id < :before",
    "actor": " AND actor = :actor",
    "action": " AND action = :action",
    "target": " AND (target = :target OR run_id = :target)",
}


class SqlAudit:
    """The port of the audit on a SQL database, on the connections of its store."""

    def __init__(self, connections: Connections, *, app: str) -> None:
        self._connections = connections
        self._app = app

    def note(self, entry: NewAuditEntry) -> int:
        """Keep an entry, on the disk."""
        return self._connections.transact(partial(_note, entry=entry, app=self._app), durable=True)

    def settle(self, entry_id: int, status: int, run_id: str | None = None) -> None:
        """Write the status, and the run that was started, into an entry."""
        self._connections.transact(
            lambda tx: tx.run(_SETTLE, id=entry_id, app=self._app, status=status, run=run_id)
        )

    def entries(
        self,
        *,
        limit: int,
        before: int | None = None,
        actor: str | None = None,
        action: str | None = None,
        target: str | None = None,
    ) -> list[AuditRecord]:
        """A page of entries, newest first."""
        given = {"before": before, "actor": actor, "action": action, "target": target}
        named = {name: value for name, value in given.items() if value is not None}
        statement = _ENTRIES.format(conditions="".join(_CONDITIONS[name] for name in named))
        return self._connections.read(
            lambda tx: [
                _audit_record(tx, row) for row in tx.all(statement, app=self._app, limit=limit, **named)
            ]
        )


def _note(tx: Transaction, entry: NewAuditEntry, *, app: str) -> int:
    row = tx.one(
        _NOTE,
        app=app,
        actor=entry.actor,
        role=entry.role,
        action=entry.action,
        target=entry.target,
        source=entry.source,
        detail=None if entry.detail is None else json.dumps(entry.detail),
    )
    assert row is not None, "an insert answers its row"  # noqa: S101 - RETURNING
    entry_id: int = row[0]
    return entry_id


def _audit_record(tx: Transaction, row: tuple[Any, ...]) -> AuditRecord:
    entry_id, at, actor, role, action, source, target, detail, status, run_id = row
    return AuditRecord(
        entry_id=entry_id,
        at=tx.dialect.time(at),
        actor=actor,
        role=role,
        action=action,
        source=source,
        target=target,
        detail=None if detail is None else json.loads(detail),
        status=status,
        run_id=run_id,
    )
