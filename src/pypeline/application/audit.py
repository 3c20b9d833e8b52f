"""Who changed what: written by doors that know who asks, read by admins."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pypeline.store.timestamps import format_time

if TYPE_CHECKING:
    from pypeline.store.audit_base import AuditRecord, NewAuditEntry
    from pypeline.store.base import Store


class Audit:
    """The audit of one application. It is told before a change is made: no change without an entry."""

    def __init__(self, store: Store) -> None:
        self._store = store.audit

    def note(self, entry: NewAuditEntry) -> int:
        """Keep an entry; answers its id. Raises DatabaseUnavailable: then the change must not be made."""
        return self._store.note(entry)

    def settle(self, entry_id: int, status: int, run_id: str | None = None) -> None:
        """Say with which HTTP status the change was answered, and which run it started."""
        self._store.settle(entry_id, status, run_id)

    def entries(
        self,
        *,
        limit: int,
        before: int | None = None,
        actor: str | None = None,
        action: str | None = None,
        target: str | None = None,
    ) -> list[AuditRecord]:
        """Entries, newest first; the next page is ``before`` the last ``entry_id`` of this one."""
        return self._store.entries(limit=limit, before=before, actor=actor, action=action, target=target)


def audit_document(record: AuditRecord) -> dict[str, Any]:
    """An entry as JSON."""
    document = asdict(record)
    named = {"id": document.pop("entry_id"), "execution_id": document.pop("run_id")}
    return {**named, **document, "at": format_time(record.at)}
