"""When two failures are alike: the same node, error, place, and message but for its numbers and names."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pypeline.store.insights.records import FailureRecord

_QUOTED = re.compile(r"(?<!\w)'[^'\n]{0,200}'(?!\w)|\"[^\"\n]{0,200}\"|`[^`\n]{0,200}`")
_HEX = re.compile(
    r"\b0[xX][0-9a-fA-F]+\b"
    r"|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
    r"|\b(?=[a-fA-F]*[0-9])(?=[0-9]*[a-fA-F])[0-9a-fA-F]{8,}\b"
)
# Not behind a letter: what is called sha1 or utf8 is no number.
_NUMBER = re.compile(r"(?<![A-Za-z0-9])(?!0x)\d(?:[\d,._:]*\d)?")
_FRAME = re.compile(r'^\s*File "([^"\n]+)", line (\d+), in (\S+)', re.MULTILINE)
_FOREIGN = re.compile(r"[/\\](?:site-packages|dist-packages|lib[/\\]python3[.\d]*)[/\\]|^<")
_SEPARATOR = re.compile(r"[/\\]")
_PARTS = 2


class Signature(NamedTuple):
    """
    What alike failures have in common.

    ``message`` is its shape, one line of at most 200 characters; ``place`` such as
    ``warehouse/tables.py:88 in align``, None where the traceback is not known.
    """

    pipeline_id: str
    node: str
    type: str
    message: str
    place: str | None

    @property
    def key(self) -> str:
        """It in a few letters, for a link."""
        return hashlib.sha256(json.dumps(self).encode()).hexdigest()[:12]


def signature_of(failure: FailureRecord) -> Signature:
    """The group that a failure belongs to."""
    return Signature(
        failure.pipeline_id,
        failure.name,
        failure.type,
        message_shape(failure.message),
        last_place(failure.trace),
    )


def message_shape(message: str) -> str:
    """The first line of a message: ``…`` for what is quoted, ``0x…`` for hexadecimals, ``n`` for numbers."""
    line = message.strip().partition("\n")[0]
    line = _QUOTED.sub(lambda found: f"{found[0][0]}…{found[0][-1]}", line)
    return _NUMBER.sub("n", _HEX.sub("0x…", line))[:200]


def last_place(trace: str | None) -> str | None:
    """
    The innermost frame outside of libraries, else the innermost of all; the file with the folder it is in.

    None where the traceback is not known.
    """
    frames = _FRAME.findall(trace or "")
    if not frames:
        return None
    own = [frame for frame in frames if not _FOREIGN.search(frame[0])]
    path, line, function = (own or frames)[-1]
    file = "/".join(_SEPARATOR.split(path)[-_PARTS:])
    return f"{file}:{line} in {function}"
