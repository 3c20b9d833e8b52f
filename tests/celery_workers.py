"""Celery workers as processes of their own, for tests."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parent


@contextmanager
def worker_process(broker: str, queue: str, arrivals: Path, *, pool: str) -> Iterator[None]:
    """A worker of `celery_broker_app` on one queue, which writes each attempt into the file ``arrivals``."""
    command = [sys.executable, "-m", "celery", "-A", "celery_broker_app", "worker", "-P", pool, "-c", "2"]
    options = ["--without-gossip", "--without-mingle", "-l", "WARNING", "-n", f"{queue}@%h"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(TESTS),
        "BROKER": broker,
        "QUEUE": queue,
        "ARRIVALS": str(arrivals),
    }
    process = subprocess.Popen([*command, *options], env=environment, cwd=arrivals.parent)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)
