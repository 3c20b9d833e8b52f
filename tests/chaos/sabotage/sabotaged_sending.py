"""Workers that die while they send, and workers that send everything several times."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from pypeline.tasks.brokers.dispatch import CeleryDispatcher

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pypeline.engine.dispatcher import Message

    Send = Callable[[CeleryDispatcher, Sequence[Message]], None]

_send = CeleryDispatcher.send


def dying(when: str, *, mark: str) -> Send:
    """
    A `send` that ends its worker, all processes at once, when it is first given several messages.

    ``before`` the first of them, ``amid`` them, or ``after`` the last. The file ``mark`` is made just before.
    """

    def send(self: CeleryDispatcher, messages: Sequence[Message]) -> None:
        if len(messages) < 2:
            _send(self, messages)
            return
        sent = {"before": 0, "amid": len(messages) // 2, "after": len(messages)}[when]
        _send(self, messages[:sent])
        Path(mark).touch()
        os.killpg(os.getpgrp(), signal.SIGKILL)

    return send


def repeating(times: int) -> Send:
    """A `send` that sends every message so many times."""

    def send(self: CeleryDispatcher, messages: Sequence[Message]) -> None:
        _send(self, [message for message in messages for _ in range(times)])

    return send
