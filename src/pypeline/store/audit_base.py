"""The port of the audit: who changed what through a door that knows who asks, when, and from where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from pypeline.types import JsonObject


@dataclass(frozen=True, slots=True)
class NewAuditEntry:
    """
    A change that somebody is about to make.

    ``actor`` is the name of the key that was shown and ``role`` what it allows; ``action`` is a word such as
    ``run.cancel``, ``target`` the id of what it is done to, ``source`` the address that asked.
    """

    actor: str
    role: str
    action: str
    source: str
    target: str | None = None
    detail: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """
    An entry as it is kept.

    ``status`` is the HTTP status of the answer, None where none is known; ``run_id`` the run that it started.
    """

    entry_id: int
    at: datetime
    actor: str
    role: str
    action: str
    source: str
    target: str | None
    detail: JsonObject | None
    status: int | None
    run_id: str | None


class AuditStore(Protocol):
    """The entries of one application: written and read, and never deleted."""

    def note(self, entry: NewAuditEntry) -> int:
        """Keep an entry and answer its id: to be called before the change, which it allows. Durable."""

    def settle(self, entry_id: int, status: int, run_id: str | None = None) -> None:
        """
        Say how the change was answered, and which run it started.

        It need not survive a crash of the database's machine.
        """

    def entries(
        self,
        *,
        limit: int,
        before: int | None = None,
        actor: str | None = None,
        action: str | None = None,
        target: str | None = None,
    ) -> list[AuditRecord]:
        """
        Entries, newest first: those whose id is below ``before``, and that have what is named.

        Those of a run as ``target`` include the one that started it.
        """
