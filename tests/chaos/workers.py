"""Worker processes, each with its own ways to the servers, that a test may kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_START_TIMEOUT = 60.0
_PAUSE = 0.02


class WorkerProcess:
    """
    ``celery -A pypeline.celery worker -c 2`` in a session of its own, whose output goes to a file.

    It is started by `start`; `await_ready` returns once it takes messages.
    """

    def __init__(self, name: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._folder = folder
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of its main process, which is that of its session too."""
        assert self._process is not None, f"worker {self.name} was never started"
        return self._process.pid

    @property
    def lives(self) -> bool:
        """True while its main process does."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, and return at once."""
        command = [sys.executable, "-m", "celery", "-A", "pypeline.celery"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, *self._options(), "-l", "INFO"],
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def await_ready(self) -> None:
        """Return once it takes messages."""
        await_that(self._is_ready, f"worker {self.name} is ready, see {self.log}", timeout=_START_TIMEOUT)

    def children(self) -> set[int]:
        """The ids of the processes that run handlers."""
        return {child.pid for child in psutil.Process(self.pid).children(recursive=True)}

    def kill(self) -> None:
        """Kill the main process, as an operator's ``kill -9`` does; its children are not asked."""
        os.kill(self.pid, signal.SIGKILL)
        self._wait(10)

    def kill_host(self) -> None:
        """Kill all its processes at once, as a host that loses power does."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._wait(10)

    def terminate(self) -> None:
        """Ask it to end, as a deploy does, and return at once."""
        os.kill(self.pid, signal.SIGTERM)

    def await_end(self, timeout: float) -> int:
        """Its exit code, once it has ended."""
        return self._wait(timeout)

    def _options(self) -> list[str]:
        """What it is, as Celery's command line says it."""
        return ["worker", "-c", "2", "-Q", "chaos", "-n", f"{self.name}@chaos"]

    def _wait(self, timeout: float) -> int:
        assert self._process is not None
        return self._process.wait(timeout)

    def _is_ready(self) -> bool:
        assert self.lives, f"worker {self.name} ended: {self.log.read_text()[-4000:]}"
        return b" ready." in self.log.read_bytes()


class BeatProcess(WorkerProcess):
    """``celery -A pypeline.celery beat``, started and ended as a worker is; it is ready once it fires."""

    def _options(self) -> list[str]:
        return ["beat"]

    def _is_ready(self) -> bool:
        assert self.lives, f"scheduler {self.name} ended: {self.log.read_text()[-4000:]}"
        return b"schedules of the configuration: " in self.log.read_bytes()


def await_that(condition: Callable[[], object], what: str | Callable[[], str], *, timeout: float) -> None:
    """Return once the condition holds; after so many seconds fail, and say what does not hold."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            pytest.fail(
                f"after {timeout:g} s it is still not so that {what if isinstance(what, str) else what()}"
            )
        time.sleep(_PAUSE)
