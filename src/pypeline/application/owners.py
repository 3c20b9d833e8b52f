"""
Who owns an embedded run: the process whose in-memory broker it went through.

The name tells enough to see, on the same host, whether that process still lives.
"""

from __future__ import annotations

import socket
import uuid
from urllib.parse import quote, unquote

import psutil

_SCHEME = "memory://"
_SAME_START = 1.0  # seconds: start times of one process, read twice, may differ by a clock tick


def new_owner() -> str:
    """A name for this process as an embedded broker: host, process id and start time, and a random part."""
    process = psutil.Process()
    host = quote(socket.gethostname(), safe="")
    return f"{_SCHEME}{host}/{process.pid}/{process.create_time():.2f}/{uuid.uuid4().hex[:12]}"


def is_embedded(broker: str) -> bool:
    """True for a broker inside one process, which nobody else can reach."""
    return broker.startswith(_SCHEME)


def describe(owner: str) -> str:
    """The owner in words."""
    host, pid, *_ = owner.removeprefix(_SCHEME).split("/")
    return f"process {pid} on {unquote(host)}"


def is_alive(owner: str, *, seen: float | None, lease: float) -> bool:
    """
    True if the owning process still runs.

    On another host that cannot be looked up; there ``seen``, the seconds since its last sign of life,
    counts against the lease.
    """
    host, pid, started, *_ = owner.removeprefix(_SCHEME).split("/")
    if unquote(host) != socket.gethostname():
        return seen is not None and seen <= lease
    try:
        process = psutil.Process(int(pid))
        same = abs(process.create_time() - float(started)) < _SAME_START
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
