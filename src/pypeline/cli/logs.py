"""What is logged while a run is shown: above the progress, on stderr."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.text import Text

from pypeline.logs import JsonFormatter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from pypeline.config import Settings


@contextmanager
def logs_on(console: Console, settings: Settings) -> Iterator[None]:
    """Print log records on a console: warnings, or from ``LOG_LEVEL`` on where it is set."""
    handler = _ConsoleLog(console)
    handler.setLevel(settings.log_level if settings.environment.get("LOG_LEVEL") else logging.WARNING)
    if settings.log_format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    before = root.level
    root.setLevel(min(handler.level, before or handler.level))
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


class _ConsoleLog(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._console.print(Text(self.format(record)), soft_wrap=True)
        except Exception:  # noqa: BLE001 - as every handler of logging: a bad record stops nobody
            self.handleError(record)
