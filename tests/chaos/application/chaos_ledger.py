"""What handlers really did, written by themselves into a file that no database and no broker knows."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VARIABLE = "CHAOS_LEDGER"
"""The environment variable that names the file."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A handler began or ended an attempt. ``at`` is the monotonic clock, one for all processes of a host."""

    run: str
    node: str
    item: int | None
    attempt: int
    pid: int
    at: float
    ended: bool


@contextmanager
def written_down(event: dict[str, Any]) -> Iterator[None]:
    """Write when the handler of this event begins, and when it ends, by an error or not."""
    _write(event, ended=False)
    try:
        yield
    finally:
        _write(event, ended=True)


def read(path: Path) -> list[Entry]:
    """All entries, in the order in which they were written."""
    return [Entry(**json.loads(line)) for line in path.read_text().splitlines()]


def _write(event: dict[str, Any], *, ended: bool) -> None:
    run, node, attempt = event["execution_id"], event["node"], event["attempt"]
    entry = Entry(run, node, event.get("index"), attempt, os.getpid(), time.monotonic(), ended)
    # One short write to a file opened for appending is never mixed with another's.
    file = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, (json.dumps(asdict(entry)) + "\n").encode())
    finally:
        os.close(file)
