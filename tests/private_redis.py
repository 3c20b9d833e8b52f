"""A Redis server of a test's own, which may be stopped, killed and emptied."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import redis

from services import free_port, unavailable

if TYPE_CHECKING:
    from types import TracebackType

_START_TIMEOUT = 30.0
_STOP_TIMEOUT = 30.0


class PrivateRedis:
    """
    A Redis server on a port of its own, with data in a temporary folder, while the context lasts.

    It writes each change to its file before it answers, so that a stop, a kill and a start lose nothing.
    """

    def __init__(self) -> None:
        if not shutil.which("redis-server"):
            unavailable("Redis: no redis-server here (apt install redis-server)")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.folder = Path(tempfile.mkdtemp(prefix="pypeline-redis-"))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Return once it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        self._process = subprocess.Popen(
            ["redis-server", *options, *durable],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._await_answer(self._process)

    def stop(self) -> None:
        """Shut it down in an orderly way. Nothing where it does not run."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(_STOP_TIMEOUT)

    def kill(self) -> None:
        """End it as a loss of power does. Nothing where it does not run."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(_STOP_TIMEOUT)

    def restart(self) -> None:
        """Stop and start; what it held stays."""
        self.stop()
        self.start()

    def wipe(self) -> None:
        """Delete all that it holds, while it runs."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + _START_TIMEOUT
        while not _answers(self.url):
            if process.poll() is not None or time.monotonic() > end:
                self.kill()
                unavailable(f"Redis did not start on port {self.port}")
            time.sleep(0.02)


def _answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_timeout=2) as client:
            return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError):
        return False
