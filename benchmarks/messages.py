"""How large messages are: Celery prepares them on kombu's channel, PypeLine hands them to its dispatcher."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from kombu.transport.pyamqp import Channel
from kombu.transport.virtual.base import Channel as VirtualChannel

from pypeline.tasks.brokers.dispatch import CeleryDispatcher
from pypeline.tasks.brokers.messages import BODY, headers_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pypeline.engine.dispatcher import Message


@contextmanager
def sizes() -> Iterator[list[int]]:
    """Grows by the bytes, body and headers as JSON, of each message that this process publishes meanwhile."""
    found: list[int] = []
    with ExitStack() as stack:
        for channel in (Channel, VirtualChannel):
            prepare = _weighing(channel.prepare_message, found)
            stack.enter_context(patch.object(channel, "prepare_message", prepare))
        send = _weighing_ours(CeleryDispatcher.send, found)
        stack.enter_context(patch.object(CeleryDispatcher, "send", send))
        yield found


def _weighing(prepare: Any, found: list[int]) -> Any:
    def weigh(  # noqa: PLR0913, PLR0917 - kombu's
        channel: Any,
        body: str | bytes,
        priority: Any = None,
        content_type: Any = None,
        content_encoding: Any = None,
        headers: Any = None,
        properties: Any = None,
    ) -> Any:
        found.append(_size(body, headers))
        return prepare(channel, body, priority, content_type, content_encoding, headers, properties)

    return weigh


def _weighing_ours(send: Any, found: list[int]) -> Any:
    def weigh(dispatcher: CeleryDispatcher, messages: Sequence[Message]) -> Any:
        found.extend(_size(BODY, headers_of(message)) for message in messages)
        return send(dispatcher, messages)

    return weigh


def _size(body: str | bytes, headers: Any) -> int:
    text = body if isinstance(body, bytes) else body.encode()
    return len(text) + len(json.dumps(headers, default=str))
