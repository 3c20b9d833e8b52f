"""A PgBouncer of the test's own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from services import free_port, unavailable, unprivileged_user

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOLDERS = "/usr/sbin:/usr/local/bin:/usr/bin:/opt/homebrew/bin"
_STARTING = 10.0  # seconds
_CONFIG = """
[databases]
* = host=127.0.0.1 port={server_port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
"""


@contextmanager
def pgbouncer(server: str, *, sessions: int) -> Iterator[str]:
    """The URL, without a database, of a PgBouncer in transaction mode before a server, gone at the end."""
    program = shutil.which("pgbouncer", path=_FOLDERS)
    if program is None:
        unavailable("PgBouncer: no program here (apt install pgbouncer)")
    port, user = free_port(), unprivileged_user("nobody")
    with tempfile.TemporaryDirectory(prefix="pypeline-pgbouncer-") as folder:
        config = Path(folder, "pgbouncer.ini")
        server_port = server.rpartition(":")[2]
        config.write_text(_CONFIG.format(server_port=server_port, port=port, sessions=sessions))
        if user:
            shutil.chown(folder, user)
        process = subprocess.Popen([program, "-q", config], cwd="/", user=user)
        try:
            url = f"postgresql://postgres@127.0.0.1:{port}"
            _wait_until_it_answers(process, url)
            yield url
        finally:
            process.terminate()
            process.wait()


def _wait_until_it_answers(process: subprocess.Popen[bytes], url: str) -> None:
    give_up = time.monotonic() + _STARTING
    while process.poll() is None:
        try:
            psycopg.connect(f"{url}/postgres").close()
        except psycopg.OperationalError:
            if time.monotonic() > give_up:
                raise
        else:
            return
    unavailable(f"PgBouncer ended with code {process.returncode}")
