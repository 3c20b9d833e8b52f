"""JSON for people: on one line what fits there, indented what does not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pypeline.types import JsonValue

_INDENT = "  "


def pretty(value: JsonValue, *, width: int) -> str:
    """The value as JSON, broken into lines where it is wider than ``width`` columns."""
    return "\n".join(_lines(value, width))


def _lines(value: JsonValue, width: int, before: str = "", after: str = "") -> Iterator[str]:
    """The lines of a value that stands behind ``before``, such as its key, and has ``after`` behind it."""
    line = f"{before}{json.dumps(value, ensure_ascii=False)}{after}"
    if len(line) <= width or not value or not isinstance(value, list | dict):
        yield line
        return
    first, last = ("{", "}") if isinstance(value, dict) else ("[", "]")
    yield before + first
    parts = list(_parts(value))
    for at, (key, part) in enumerate(parts):
        comma = "," if at < len(parts) - 1 else ""
        yield from (_INDENT + inner for inner in _lines(part, width - len(_INDENT), key, comma))
    yield last + after


def _parts(value: dict[str, JsonValue] | list[JsonValue]) -> Iterable[tuple[str, JsonValue]]:
    if isinstance(value, list):
        return [("", part) for part in value]
    return [(f"{json.dumps(key, ensure_ascii=False)}: ", part) for key, part in value.items()]
