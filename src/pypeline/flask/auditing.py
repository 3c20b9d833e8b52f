"""Writing the audit: before a change, who asks for it; after it, how it was answered."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from flask import after_this_request, g

from pypeline.store.audit_base import NewAuditEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response
    from pydantic import BaseModel

    from pypeline.application.audit import Audit
    from pypeline.flask.access import Caller
    from pypeline.flask.operations import Operation

logger = logging.getLogger(__name__)

_LEFT_OUT = {"id", "payload", "chain_payload"}
"""What the entry names already, and what may be large or nobody else's business: the run has it."""


def note(
    audit: Audit, caller: Caller, operation: Operation, path: Mapping[str, str], body: BaseModel | None
) -> None:
    """
    Keep who is about to change what. The status of the answer, and the run that it tells of, are added after.

    Raises DatabaseUnavailable: nothing is changed then.
    """
    assert operation.action is not None  # noqa: S101 - by the caller
    entry_id = audit.note(
        NewAuditEntry(
            actor=caller.name,
            role=caller.role.word,
            action=operation.action,
            source=caller.address,
            target=next(iter(path.values()), None) or getattr(body, operation.target or "", None),
            detail=_detail(body),
        )
    )

    @after_this_request
    def settle(response: Response) -> Response:
        try:
            audit.settle(entry_id, response.status_code, g.get("pypeline_run"))
        except Exception:
            # The change is made: whatever this is, it must not become the answer.
            logger.exception("audit entry %s keeps no status", entry_id)
        return response


def _detail(body: BaseModel | None) -> dict[str, Any] | None:
    if body is None:
        return None
    return body.model_dump(mode="json", exclude_unset=True, exclude=_LEFT_OUT) or None
