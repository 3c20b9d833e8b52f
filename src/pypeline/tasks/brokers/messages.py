"""How an attempt travels: a message of Celery's protocol 2 with the attempt in one header."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

from pypeline.store.records import AttemptRef

if TYPE_CHECKING:
    from pypeline.engine.dispatcher import Message

HEADER = "pypeline"
"""The header that tells a node's message from any other: ``[run_id, position, item, attempt]``."""

EVENT_HEADER = "pypeline_event"
"""The header of a published task that is no node: its one argument is an event without its defaults."""

BODY = '[[], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'
"""No arguments and nothing to call after: the worker reads what it needs from the database."""

CONTENT_TYPE = "application/json"
CONTENT_ENCODING = "utf-8"
PERSISTENT = 2
"""The delivery mode of a message that survives a restart of the broker."""


def headers_of(message: Message) -> dict[str, Any]:
    """The headers of protocol 2 for one attempt; the root of all tasks of a run is the run."""
    return {**shared_headers(message.handler), **own_headers(message.ref)}


def shared_headers(handler: str) -> dict[str, Any]:
    """
    The headers that every attempt of this handler has, sent by this process.

    The protocol's others are left out: each that a worker reads costs a node, and their defaults are right.
    """
    return {
        "lang": "py",
        "task": handler,
        "origin": f"{os.getpid()}@{_HOST}",
        "ignore_result": True,
    }


def own_headers(ref: AttemptRef) -> dict[str, Any]:
    """The headers that no other attempt has."""
    return {
        "id": task_id(ref),
        "root_id": ref.run_id,
        HEADER: [ref.run_id, ref.position, ref.item, ref.attempt],
    }


def properties_of(message: Message) -> dict[str, Any]:
    """The AMQP properties of the message; it survives a restart of the broker."""
    return {"correlation_id": task_id(message.ref), "delivery_mode": PERSISTENT}


def task_id(ref: AttemptRef) -> str:
    """The id of the attempt's Celery task: unique, and readable in a log."""
    return f"{ref.run_id}:{ref.position}:{ref.item}:{ref.attempt}"


def read_ref(carried: Any) -> AttemptRef:
    """The attempt that the header carries. Raises ValueError where it is garbled."""
    try:
        run_id, position, item, attempt = carried
        return AttemptRef(str(run_id), int(position), int(item), int(attempt))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"header {HEADER!r} holds {carried!r}, not [run, position, item, attempt]"
        ) from error


_HOST = socket.gethostname()
