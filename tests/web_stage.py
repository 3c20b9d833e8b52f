"""`pypeline web` as a real process, and calls of it."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from celery_fakes import wait_until
from cli_stage import PYPELINE
from services import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

KEYS = "look:reader:r-secret,do:operator:o-secret"


@dataclass(frozen=True)
class Reply:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def call(url: str, *, body: Any = None, timeout: float = 30, **headers: str) -> Reply:
    """GET, or with a body POST of JSON. Raises OSError where nobody answers."""
    request = urllib.request.Request(url, headers=headers)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            return Reply(reply.status, reply.headers, reply.read().decode())
    except urllib.error.HTTPError as reply:
        with reply:
            return Reply(reply.code, reply.headers, reply.read().decode())


@dataclass
class Web:
    """A `pypeline web` of a folder; what it writes is in ``log``."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, path: str, **given: Any) -> Reply:
        return call(f"http://127.0.0.1:{self.port}{path}", **{**self.headers, **given})

    def invoke(self, pipeline: str, payload: Any = None) -> str:
        """Start a run; answers its id."""
        reply = self.call(f"/api/v1/pipelines/invoke/{pipeline}", body={"chain_payload": payload or {}})
        assert reply.status == 202, reply.text
        return reply.json["execution_id"]

    def results(self, run_id: str) -> Any:
        """The results of a run, once it has ended."""
        found: list[Reply] = []

        def ended() -> bool:
            found.append(self.call(f"/api/v1/pipelines/results/{run_id}"))
            return found[-1].status != 202

        wait_until(ended, timeout=60)
        assert found[-1].status == 200, found[-1].text
        return found[-1].json

    def answers(self) -> bool:
        """True if somebody answers at once."""
        try:
            return self.call("/healthz", timeout=1).status == 200
        except OSError:
            return False

    def family(self) -> list[int]:
        """The process and its children."""
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [self.process.pid, *map(int, listed.stdout.split())]


@contextmanager
def web(folder: Path, variables: Mapping[str, str], *arguments: str, wait: bool = True) -> Iterator[Web]:
    """One on a free port, which answers; it is ended with all its children."""
    port = free_port()
    log = folder / f"web-{port}.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [*PYPELINE, "web", "--bind", f"127.0.0.1:{port}", *arguments],
            cwd=folder,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    running = Web(process, port, log)
    try:
        if wait:
            wait_until(lambda: process.poll() is not None or running.answers(), timeout=60)
            assert process.poll() is None, log.read_text()
        yield running
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 9)
            process.wait()
