"""Names of servers that lead this process, and no other, through links of its own."""

from __future__ import annotations

import json
import socket
from typing import Any

_resolve = socket.getaddrinfo


def redirect(text: str) -> None:
    """Resolve each host of this JSON object to its port of 127.0.0.1, whatever port is asked for."""
    ports: dict[str, int] = json.loads(text)

    def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host in ports:
            host, port = "127.0.0.1", ports[host]
        return _resolve(host, port, *args, **kwargs)

    socket.getaddrinfo = getaddrinfo
