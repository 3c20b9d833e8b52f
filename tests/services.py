"""
The servers that tests need, from the machine's own programs.

A server that is missing skips the tests that ask for it, or fails them where the environment says
``PYPELINE_TEST_SERVICES=required``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import psutil
import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCAL_SERVER = "postgresql://postgres@127.0.0.1:5432"


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL, without a database, of a server: the one on this machine if it answers, else a private one."""
    if _answers(LOCAL_SERVER):
        yield LOCAL_SERVER
        return
    with private_postgres() as server:
        yield server.url


@contextmanager
def postgres_database(server: str) -> Iterator[str]:
    """The URL of a new database, dropped at the end."""
    name = f"pypeline_test_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"create database {name}")
        try:
            yield f"{server}/{name}"
        finally:
            connection.execute(f"drop database {name} with (force)")


class PrivatePostgres:
    """
    A PostgreSQL of the test's own, which it may stop and start: see `private_postgres`.

    ``url`` names no database; it stays the same over a restart.
    """

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._user = unprivileged_user()
        if self._user:
            shutil.chown(folder, self._user)
        self._folder, self._data, port = folder, folder / "data", free_port()
        self._options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.url = f"postgresql://postgres@127.0.0.1:{port}"
        self._run("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "-N")

    def start(self) -> None:
        """Returns once it takes connections."""
        self._run("pg_ctl", "-l", self._folder / "log", "-o", self._options, "-w", "start")

    def stop(self) -> None:
        """Shut down in order: every connection is ended, every commit is kept."""
        self._run("pg_ctl", "-m", "fast", "-w", "stop")

    def kill(self) -> None:
        """Shut down as in a crash: the next start recovers what had reached the disk."""
        self._run("pg_ctl", "-m", "immediate", "-w", "stop")

    @contextmanager
    def mute(self) -> Iterator[None]:
        """While entered it takes connections, as the kernel does it, and says nothing."""
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        master = psutil.Process(pid)
        master.suspend()
        stopped = [*master.children(recursive=True), master]
        try:
            for process in stopped:
                with suppress(psutil.NoSuchProcess):  # a session that has just ended
                    process.suspend()
            yield
        finally:
            for process in stopped:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    @property
    def runs(self) -> bool:
        """True between a start and a stop."""
        return (self._data / "postmaster.pid").exists()

    def _run(self, program: str, *arguments: str | Path) -> None:
        _run(self._user, self._programs / program, "-D", self._data, *arguments)


@contextmanager
def private_postgres() -> Iterator[PrivatePostgres]:
    """A server of its own on a free port, started; it is gone at the end."""
    programs = _postgres_programs()
    if programs is None:
        unavailable("PostgreSQL: no initdb here (apt install postgresql)")
    with tempfile.TemporaryDirectory(prefix="pypeline-postgres-") as folder:
        server = PrivatePostgres(programs, Path(folder))
        server.start()
        try:
            yield server
        finally:
            if server.runs:
                server.kill()


def unavailable(reason: str) -> NoReturn:
    """Skip the test, or fail it where every service is required."""
    if os.environ.get("PYPELINE_TEST_SERVICES") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def unprivileged_user(name: str = "postgres") -> str | None:
    """For servers that refuse to run as root: whom to be instead, None where we are not root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return name if name in known else "nobody"


def _answers(server: str) -> bool:
    try:
        psycopg.connect(f"{server}/postgres", connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


def _postgres_programs() -> Path | None:
    """The folder of initdb and pg_ctl: Debian's newest, else that of the path."""
    debian = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(debian, key=lambda program: float(program.parts[-3]), default=None)
    found = newest or shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def _run(user: str | None, *command: str | Path) -> None:
    done = subprocess.run(
        command,
        cwd="/",
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
        stdin=subprocess.DEVNULL,
        # A file, not a pipe: the server that pg_ctl leaves behind would hold a pipe open.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        unavailable(f"PostgreSQL: {command[0]} ended with code {done.returncode}")
