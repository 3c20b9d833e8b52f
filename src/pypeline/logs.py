"""Log lines for machines: ``PYPELINE_LOG_FORMAT=json``. Knows the standard library only."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

_ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """
    One JSON object a line: ``time`` (RFC 3339, UTC), ``level``, ``logger``, ``message``.

    ``exception`` has the traceback where there is one. Text, numbers and booleans that a program gave as
    ``extra`` stand beside them under their own names.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        # Plain values only: Celery attaches dictionaries, with the arguments of its tasks in them.
        said = {
            key: value
            for key, value in vars(record).items()
            if key not in _ORDINARY and isinstance(value, str | int | float)
        }
        said |= {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False)


def write_as_json(logger: logging.Logger) -> None:
    """Let what the logger's own handlers write be JSON."""
    for handler in logger.handlers:
        handler.setFormatter(JsonFormatter())
