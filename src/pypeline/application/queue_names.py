"""What the name of a queue may be, whoever says it."""

from __future__ import annotations

_MOST = 255  # bytes: AMQP's short strings hold no more


def queue_fault(name: str) -> str | None:
    """Why no broker would take a queue of this name, and what to do; None where it would."""
    length = len(name.encode("utf-8", "surrogatepass"))
    if length <= _MOST:
        return None
    return f"its name has {length:,} bytes, and brokers take {_MOST}: choose a shorter one"
