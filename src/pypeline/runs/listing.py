"""What a node lists that has no function: files of a bucket or a folder, some of it as the payload says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypeline.types import JsonObject

LIST_FILES = "pypeline.list_files"
"""The handler of nodes that list files, by which messages name it: every worker has it."""

PAYLOAD_REFERENCE = re.compile(r"\$\{payload\.([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)\}")
"""``${payload.name}``, and ``${payload.outer.inner}`` for what lies deeper."""

_COUNT = re.compile(r"0*[1-9][0-9]{0,17}")


class UnusablePayload(ValueError):  # noqa: N818 - names say what is wrong
    """The payload lacks what a listing takes from it, or has something there that it cannot take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """How a bucket is reached. The keys are names of environment variables, never what these hold."""

    region: str | None = None
    endpoint: str | None = None
    access_key: str | None = None
    secret_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """
    The files that a node lists: those of ``place``, a bucket, or without ``bucket`` a folder.

    ``beginning`` is the prefix in a bucket, the path beneath a folder. It, ``pattern`` and ``limit`` may hold
    ``${payload.…}``. The other options are those of `pypeline.generators`.
    """

    place: str
    bucket: Bucket | None = None
    beginning: str = ""
    pattern: str | None = None
    limit: int | str | None = None
    offset: int = 0
    size_limit: int | None = None
    recursive: bool = False
    full_path: bool = True

    @property
    def label(self) -> str:
        """It in a few words, such as ``s3://bucket/prefix*.txt``."""
        names = self.pattern or "*"
        if self.bucket is None:
            folder = f"{self.beginning}/" if self.beginning else ""
            where = f"{self.place.rstrip('/')}/{folder}{names}"
        else:
            where = f"s3://{self.place}/{self.beginning}{names}"
        return f"{where} and beneath" if self.recursive else where


def filled_in(text: str, payload: JsonObject) -> str:
    """
    The text with the payload's values in place of each ``${payload.…}``.

    What the payload says is not looked at again: its own ``${…}`` stays as it is. Raises UnusablePayload.
    """
    return PAYLOAD_REFERENCE.sub(lambda match: _text(match[1], payload), text)


def number_of(limit: int | str | None, payload: JsonObject) -> int | None:
    """The limit as a number; a text is one ``${payload.…}``. Raises UnusablePayload."""
    if not isinstance(limit, str):
        return limit
    text = filled_in(limit, payload)
    if not _COUNT.fullmatch(text):
        raise UnusablePayload(f"limit is {text!r}: give {_names(limit)} a whole number of at least 1")
    return int(text)


def _text(path: str, payload: JsonObject) -> str:
    value = _value(path, payload)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise UnusablePayload(f"payload.{path} is {_kind(value)}: give it a text or a number")
    return str(value)


def _value(path: str, payload: JsonObject) -> Any:
    value: Any = payload
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            raise UnusablePayload(f"payload.{path} is missing: start the run with a payload that has it")
        value = value[name]
    return value


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    return "an object" if isinstance(value, Mapping) else "a list"


def _names(text: str) -> str:
    return ", ".join(f"payload.{match[1]}" for match in PAYLOAD_REFERENCE.finditer(text))
