"""Log lines for machines: ``PYPELINE_LOG_FORMAT=json``. Knows the standard library only."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

_ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """
    One JSON object a line: ``time`` (RFC 3339, UTC), ``level``, ``logger``, ``message``.

    ``exception`` and ``stack`` are there where the record has them. What a program gave as ``extra`` stands
    beside them under its own names; of what JSON does not hold, its text.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        said = _extra(record) | {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            said["stack"] = self.formatStack(record.stack_info)
        try:
            return json.dumps(said, ensure_ascii=False, allow_nan=False, default=str)
        except (TypeError, ValueError):
            plain = {key: value if isinstance(value, str) else repr(value) for key, value in said.items()}
            return json.dumps(plain, ensure_ascii=False)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    given = vars(record).items()
    found = {key: value for key, value in given if key not in _ORDINARY and not key.startswith("_")}
    if record.name.partition(".")[0] == "celery":
        # The arguments of its tasks, which its own format leaves out too.
        found.pop("data", None)
    return found


def write_as_json(logger: logging.Logger) -> None:
    """Let what the logger's own handlers write be JSON."""
    for handler in logger.handlers:
        handler.setFormatter(JsonFormatter())
