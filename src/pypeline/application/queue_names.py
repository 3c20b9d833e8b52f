"""What the name of a queue may be, whoever says it."""

from __future__ import annotations

import unicodedata

_MOST = 255  # bytes: AMQP's short strings hold no more
_RESERVED = "amq."
_NO_TEXT = {"Cc", "Cs"}  # control characters, and halves of surrogate pairs


def queue_fault(name: str) -> str | None:
    """Why no broker would take a queue of this name, and what to do; None where it would."""
    if any(unicodedata.category(character) in _NO_TEXT for character in name):
        return f"{name!r} holds a character that cannot be printed: choose letters, digits, `-`, `_` and `.`"
    if name.startswith(_RESERVED):
        return f"{name!r} is RabbitMQ's own, as all that begins with `{_RESERVED}`: choose another name"
    length = len(name.encode())
    if length > _MOST:
        return f"its name has {length:,} bytes, and brokers take {_MOST}: choose a shorter one"
    return None
