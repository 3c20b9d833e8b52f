"""The command line as its users have it: a folder, an environment, and processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import redis
from kombu import Connection

from celery_fakes import wait_until
from services import unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RABBITMQ = "amqp://guest:guest@127.0.0.1:5672//"
REDIS = "redis://127.0.0.1:6379/0"
PYPELINE = [sys.executable, "-m", "pypeline.cli"]
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if name not in ("COLUMNS", "WORKER_NAME") and not name.startswith(("PYPELINE_", "CELERY_", "SERMOS_"))
}


@dataclass
class Stage:
    """A working folder with the variables of its processes, and a queue that nobody else reads."""

    folder: Path
    broker: str
    database: str
    queue: str = field(default_factory=lambda: f"pypeline-test-{uuid.uuid4().hex}")

    @property
    def variables(self) -> dict[str, str]:
        return {
            **CLEAN,
            "PYPELINE_BROKER_URL": self.broker,
            "PYPELINE_DATABASE_URL": self.database,
            "PYPELINE_APP": self.queue,
            "PYPELINE_DEFAULT_QUEUE": f"{self.queue}-default",
        }

    def call(self, *arguments: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
        """A command to its end; a variable that is None is not set."""
        return subprocess.run(
            [*PYPELINE, *arguments],
            cwd=self.folder,
            env=self._changed(changes),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        """The document that a command prints."""
        done = self.call(*arguments, "--json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    @contextmanager
    def started(self, *arguments: str, **changes: str | None) -> Iterator[subprocess.Popen[str]]:
        """A command that goes on; killed at the end if it has not ended."""
        process = subprocess.Popen(
            [*PYPELINE, *arguments],
            cwd=self.folder,
            env=self._changed(changes),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    @contextmanager
    def worker(self, *arguments: str, **changes: str | None) -> Iterator[subprocess.Popen[bytes]]:
        """``pypeline worker``, ready; stopped at the end. It writes into ``worker.log`` of the folder."""
        path = self.folder / "worker.log"
        with path.open("w") as log:
            process = subprocess.Popen(
                [*PYPELINE, "worker", *arguments],
                cwd=self.folder,
                env=self._changed(changes),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            wait_until(lambda: " ready." in path.read_text() or process.poll() is not None, timeout=60)
            assert process.poll() is None, path.read_text()
            yield process
        finally:
            process.terminate()
            process.wait(60)

    def forget(self, *others: str) -> None:
        """Delete the queue and those that begin with it, and what a Redis remembers of them."""
        with Connection(self.broker) as connection:
            if connection.transport.driver_type == "redis":
                with redis.Redis.from_url(self.broker) as plain:
                    plain.delete(*plain.keys(f"{self.queue}:*"), self.queue)
            else:
                for name in (self.queue, *(f"{self.queue}-{other}" for other in ("default", *others))):
                    connection.default_channel.queue_delete(name)

    def _changed(self, changes: dict[str, str | None]) -> dict[str, str]:
        merged = {**self.variables, **changes}
        return {name: value for name, value in merged.items() if value is not None}


def require_broker(url: str) -> str:
    """The broker's URL; the test is skipped where it does not answer."""
    try:
        with Connection(url, connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
    except Exception as error:  # noqa: BLE001 - each client has errors of its own
        unavailable(f"no broker at {url}: {error}")
    return url
