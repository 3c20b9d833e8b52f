"""Where it is safe to listen while no key is configured: on this machine alone."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING

from pypeline.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pypeline.config import Settings

_LAST_PORT = 65_535


def require_keys(settings: Settings, hosts: Iterable[str | None]) -> None:
    """
    See to it that nobody listens where others may call while no key is configured.

    A host that is None is a socket of another kind. Raises InvalidSetting with what to do.
    """
    if settings.access_keys:
        return
    for host in hosts:
        if host is None:
            raise InvalidSetting("PYPELINE_ACCESS_KEYS", _ON_SOCKETS)
        if not is_loopback(host):
            raise InvalidSetting("PYPELINE_ACCESS_KEYS", _elsewhere(host))


def split_address(text: str, *, port: int = 8000) -> tuple[str, int]:
    """
    Host and port of ``HOST:PORT``; the host may be empty or in brackets, the port may be left out.

    Raises ValueError.
    """
    host, _, given = text.rpartition(":") if re.search(r":\d*$", text) else (text, "", "")
    bare = host.removeprefix("[").removesuffix("]")
    number = int(given) if given else port
    if "/" in host or (":" in host and bare == host) or number > _LAST_PORT:
        raise ValueError(f"{text!r} is no address: write HOST:PORT, for example 127.0.0.1:8000 or [::1]:8000")
    return bare, number


def is_loopback(host: str) -> bool:
    """True for an address, or the name, of this machine that nobody else can reach."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


_ON_SOCKETS = (
    "is not set, and who calls through a unix socket cannot be told from whom a proxy lets in: set keys, "
    "for example PYPELINE_ACCESS_KEYS=me:admin:SECRET, or listen on 127.0.0.1"
)


def _elsewhere(host: str) -> str:
    return (
        f"is not set, so anybody who reaches {host or 'this machine'} could start and cancel runs: set keys, "
        "for example PYPELINE_ACCESS_KEYS=me:admin:SECRET, or listen on 127.0.0.1"
    )
