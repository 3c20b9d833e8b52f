"""What the URL of a database says."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url

_CONNECT_TIMEOUT = "5"  # seconds; a URL may say another


def shown_url(url: str) -> str:
    """The URL without its password."""
    return make_url(url).render_as_string()


def is_missing_file(url: str) -> bool:
    """True for an SQLite database that nobody has created yet."""
    parts = make_url(url)
    name = parts.database or ""
    in_memory = name in ("", ":memory:") or name.startswith("file:")
    return parts.get_backend_name() == "sqlite" and not in_memory and not Path(name).is_file()


def driver_url(url: str) -> str:
    """The same URL with the driver that this project uses, and a limit on how long it tries to connect."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        query = {"connect_timeout": _CONNECT_TIMEOUT, **parsed.query}
        parsed = parsed.set(drivername="postgresql+psycopg", query=query)
    return parsed.render_as_string(hide_password=False)
