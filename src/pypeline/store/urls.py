"""What the URL of a database says."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from pypeline.errors import InvalidSetting

_CONNECT_TIMEOUT = "5"  # seconds; a URL may say another


def parsed_url(url: str) -> URL:
    """The parts of the URL. Raises InvalidSetting where it is none."""
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as error:
        # Without what it says: the URL may hold a password.
        problem = "is no URL of a database; write postgresql://user@host:5432/name or sqlite:///file.db"
        raise InvalidSetting("PYPELINE_DATABASE_URL", problem) from error


def shown_url(url: str) -> str:
    """The URL without its password."""
    return parsed_url(url).render_as_string()


def is_missing_file(url: str) -> bool:
    """True for an SQLite database that nobody has created yet."""
    parts = parsed_url(url)
    name = parts.database or ""
    in_memory = name in ("", ":memory:") or name.startswith("file:")
    return parts.get_backend_name() == "sqlite" and not in_memory and not Path(name).is_file()


def driver_url(url: str) -> str:
    """The same URL with the driver that this project uses, and a limit on how long it tries to connect."""
    parsed = parsed_url(url)
    if parsed.get_backend_name() == "postgresql":
        query = {"connect_timeout": _CONNECT_TIMEOUT, **parsed.query}
        parsed = parsed.set(drivername="postgresql+psycopg", query=query)
    return parsed.render_as_string(hide_password=False)
