"""
A message as the frames of AMQP 0-9-1 that publish it.

py-amqp spells out every header of every message again, which takes longer than all the rest of a publish. All
but three headers are the same for each attempt of a handler: they are encoded once.
"""

from __future__ import annotations

import os
from functools import lru_cache
from struct import pack
from typing import TYPE_CHECKING

from amqp.serialization import dumps

from pypeline.tasks.brokers.messages import (
    BODY,
    CONTENT_ENCODING,
    CONTENT_TYPE,
    HEADER,
    PERSISTENT,
    shared_headers,
    task_id,
)

if TYPE_CHECKING:
    from pypeline.engine.dispatcher import Message
    from pypeline.store.records import AttemptRef

_METHOD, _CONTENT_HEADER, _CONTENT_BODY = 1, 2, 3
_BASIC, _PUBLISH = 60, 40
_END = b"\xce"


def publish_frame(channel_id: int, queue: str) -> bytes:
    """The frame that says: what follows goes to this queue, by the default exchange."""
    arguments = dumps("Bssbb", (0, "", queue, False, False))
    return _frame(_METHOD, channel_id, pack(">HH", _BASIC, _PUBLISH) + arguments)


def content_frames(channel_id: int, message: Message) -> bytes:
    """The frames with the message's properties, headers and body."""
    ref, name = message.ref, task_id(message.ref).encode()
    table = _shared(message.handler, os.getpid()) + _own(ref, name)
    properties = b"".join((_FIRST, pack(">I", len(table)), table, pack(">BB", PERSISTENT, len(name)), name))
    header = _frame(_CONTENT_HEADER, channel_id, properties)
    return header + _frame(_CONTENT_BODY, channel_id, _BODY)


def _frame(kind: int, channel_id: int, payload: bytes) -> bytes:
    return pack(">BHI", kind, channel_id, len(payload)) + payload + _END


@lru_cache(maxsize=1000)
def _shared(handler: str, pid: int) -> bytes:  # noqa: ARG001 - one of the headers names it
    """The entries of the header table that the attempts of a handler share, without the table's length."""
    return bytes(dumps("F", (shared_headers(handler),))[4:])


def _own(ref: AttemptRef, name: bytes) -> bytes:
    """The entries of `own_headers`."""
    run = _text(ref.run_id.encode())
    numbers = pack(">cicici", b"I", ref.position, b"I", ref.item, b"I", ref.attempt)
    carried = run + numbers
    return b"".join((_ID, _text(name), _ROOT_ID, run, _HEADER, b"A", pack(">I", len(carried)), carried))


def _text(encoded: bytes) -> bytes:
    return b"S" + pack(">I", len(encoded)) + encoded


def _short(text: str) -> bytes:
    encoded = text.encode()
    return bytes((len(encoded),)) + encoded


_BODY = BODY.encode()
_ID, _ROOT_ID, _HEADER = _short("id"), _short("root_id"), _short(HEADER)
# Bits 15 to 10 of the flags: content type and encoding, headers, delivery mode, correlation id.
_FIRST = (
    pack(">HHQH", _BASIC, 0, len(_BODY), 0b1111_0100_0000_0000)
    + _short(CONTENT_TYPE)
    + _short(CONTENT_ENCODING)
)
