"""Whether this process is alive, and whether it can work."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from pypeline.flask.access import Role
from pypeline.flask.answers import Answer, respond
from pypeline.flask.installation import installation

if TYPE_CHECKING:
    from flask import Response

_NEVER_KEPT = {"Cache-Control": "no-store"}


def healthz() -> Response:
    """This process answers; nothing else is looked at, and no key is needed."""
    return respond(Answer({"status": "ok"}, headers=_NEVER_KEPT))


def readyz() -> Response:
    """Database, its schema and broker: 200 where all is well, else 503. Needs the role `reader`."""
    here = installation()
    here.gate.admit(Role.READER)
    checks = here.readiness.checks()
    ready = all(check.ok for check in checks)
    shown = [{"name": check.name, "ok": check.ok, "reason": check.reason} for check in checks]
    document = {"status": "ok" if ready else "failed", "checks": shown}
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return respond(Answer(document, status, headers=_NEVER_KEPT))
