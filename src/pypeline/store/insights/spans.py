"""How the two databases measure time: what the SQL of insights needs beyond the words that both know."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypeline.store.dialects import Dialect

HALF_HOUR = 1800


def seconds_between(dialect: Dialect, start: str, end: str) -> str:
    """SQL for the seconds from one column to another; SQLite counts in thousandths."""
    if dialect.name == "sqlite":
        return f"((julianday({end}) - julianday({start})) * 86400.0)"
    return f"extract(epoch FROM {end} - {start})"


def half_hour(dialect: Dialect, column: str) -> str:
    """SQL for the number of half hours from 1970 to a time, whole."""
    if dialect.name == "sqlite":
        return f"(CAST(strftime('%s', {column}) AS integer) / {HALF_HOUR})"
    return f"floor(extract(epoch FROM {column}) / {HALF_HOUR})"


def member(dialect: Dialect, column: str, name: str) -> str:
    """SQL for a text in a JSON object that is kept as text."""
    if dialect.name == "sqlite":
        return f"json_extract({column}, '$.{name}')"
    return f"({column}::json ->> '{name}')"


def ending(dialect: Dialect, text: str, length: int) -> str:
    """SQL for the last characters of a text."""
    return f"substr({text}, -{length})" if dialect.name == "sqlite" else f"right({text}, {length})"
