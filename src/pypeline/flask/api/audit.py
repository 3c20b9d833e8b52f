"""The audit: who changed what."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from pypeline.application.audit import audit_document
from pypeline.flask.access import Role
from pypeline.flask.answers import Answer
from pypeline.flask.cursors import Cursors
from pypeline.flask.models.audit import AuditPage, AuditQuery
from pypeline.flask.models.values import RowId
from pypeline.flask.operations import Operations

if TYPE_CHECKING:
    from pypeline.flask.installation import Installation

audit = Operations("audit")

_CURSORS = Cursors[int]("audit", RowId)


@audit.get("/audit", role=Role.ADMIN, query=AuditQuery, answers={HTTPStatus.OK: AuditPage})
def list_audit(here: Installation, query: AuditQuery) -> Answer:
    """Changes that were made through this API, newest first."""
    found = here.application.audit.entries(
        limit=query.limit + 1,
        before=_CURSORS.key(query.cursor),
        actor=query.actor,
        action=query.action,
        target=query.target,
    )
    page, following = _CURSORS.page(found, query.limit, lambda entry: entry.entry_id)
    return Answer({"entries": [audit_document(entry) for entry in page], "next": following})
