"""The kinds of values that a ``generator`` holds: which of them the payload may choose, and which never."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from pypeline.config.fields import Number, Text, problem
from pypeline.config.variables import typed
from pypeline.runs.listing import PAYLOAD_REFERENCE

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_MOST = 2**63 - 1
_DOTS = frozenset({"", ".", ".."})
_WHOLE = "write a whole number of at least 1, or one ${payload.name}"


def _template(value: str) -> str:
    if "${" in PAYLOAD_REFERENCE.sub("", value):
        raise problem(
            "holds a `${…}` that names nothing", "write ${payload.name}, ${payload.outer.inner} or ${VAR}"
        )
    return value


def _fixed(value: str) -> str:
    if "${" in value:
        raise problem(
            "holds a `${…}`: no payload chooses this",
            "write it out, or take it from the environment with ${VAR}",
        )
    return value


def _bucket(value: str) -> str:
    if "://" in value:
        raise problem("is an address", "write the name of the bucket alone, and folders as `prefix`")
    return value


def _endpoint(value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:
        raise problem("is no address", "write it as http://host:port") from None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise problem("is no address", "write it as http://host:port or https://host")
    if "@" in parts.netloc:
        raise problem("holds a user or a password", "write accessKey and secretKey as references")
    return value


def _reference(value: Any) -> str:
    # Whatever else stands here may be a secret: it is not quoted.
    found = _VARIABLE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise problem(
            "is no reference to the environment",
            "write ${VAR} alone: the secret stays in the environment of the workers",
        )
    return found[1]


def _pattern(value: str) -> str:
    if "/" in PAYLOAD_REFERENCE.sub("", value):
        raise problem("has a slash", "a pattern is for names of files: write folders before it")
    return value


def _root(value: str) -> str:
    if not PurePosixPath(value).is_absolute():
        raise problem("is not absolute", "write the whole path: workers run in folders of their own")
    return value


def _path(value: str) -> str:
    # A reference stands for a name here; what it says is checked when it is known.
    folder = value.removesuffix("/")
    if folder and not _DOTS.isdisjoint(PAYLOAD_REFERENCE.sub("x", folder).split("/")):
        raise problem(
            "leads elsewhere", "write a folder beneath `root`, without `..`, `.` and a slash in front"
        )
    return folder


def _limit(value: Any) -> Any:
    value = typed(value)
    is_number = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST
    if is_number or (isinstance(value, str) and PAYLOAD_REFERENCE.fullmatch(value)):
        return value
    raise problem("is no number of files", _WHOLE)


_PAYLOAD = {"type": "string", "pattern": f"^{PAYLOAD_REFERENCE.pattern}$"}
Fixed = Annotated[Text, AfterValidator(_fixed)]
SecretReference = Annotated[
    str, BeforeValidator(_reference), WithJsonSchema({"type": "string", "pattern": f"^{_VARIABLE.pattern}$"})
]
Limit = Annotated[
    int | str | None,
    BeforeValidator(_limit),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, _PAYLOAD]}),
]
Size = Annotated[int | None, Field(ge=0, le=_MOST), Number]
Offset = Annotated[int, Field(ge=0, le=_MOST), Number]
BucketName = Annotated[Fixed, AfterValidator(_bucket)]
Endpoint = Annotated[Fixed, AfterValidator(_endpoint)]
Root = Annotated[Fixed, AfterValidator(_root)]
Template = Annotated[str, AfterValidator(_template)]
Folder = Annotated[str, AfterValidator(_path), AfterValidator(_template)]
Pattern = Annotated[Text, AfterValidator(_pattern), AfterValidator(_template)]
