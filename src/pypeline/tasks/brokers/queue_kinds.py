"""
What kind a queue on RabbitMQ is, found over AMQP alone.

A declaration with other arguments than the queue's changes nothing, and the refusal (406) names the first
argument that differs, with the queue's own value. So the arguments are corrected, one at a time, until the
refusal is about the kind, or there is none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import amqp

from pypeline.tasks.brokers.facts import CLASSIC, QUORUM, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_ARGUMENTS = 30
_KIND = "x-queue-type"
_ONLY_CLASSIC = frozenset({"durable", "auto_delete", "exclusive"})
"""What only a classic queue can have otherwise than we ask for."""

_REFUSAL = re.compile(
    r"inequivalent arg '(?P<argument>[^']+)'.*? but current is "
    r"(?:none|(?:the value )?'(?P<value>.*?)'(?: of type '(?P<type>\w+)')?$)"
)


def kind_of(connection: Any, name: str, expected: Mapping[str, Any]) -> str:
    """
    The kind of a queue that exists; ``expected`` are the arguments that it most likely has.

    Names what it cannot tell UNKNOWN: a queue that belongs to another connection alone, for example.
    """
    arguments = {**expected, _KIND: QUORUM}
    for _ in range(_MOST_ARGUMENTS):
        refusal = refusal_of(connection, name, arguments)
        if refusal is None:
            return QUORUM
        found = _REFUSAL.search(refusal)
        if found is None:
            return UNKNOWN
        if found["argument"] in _ONLY_CLASSIC:
            return CLASSIC
        if found["argument"] == _KIND:
            return found["value"] or CLASSIC
        _correct(arguments, found)
    return UNKNOWN


def refusal_of(connection: Any, name: str, arguments: Mapping[str, Any]) -> str | None:
    """Why a queue that exists is not one of these arguments, in RabbitMQ's words; None where it is."""
    try:
        with connection.channel() as channel:
            channel.queue_declare(name, durable=True, auto_delete=False, arguments=dict(arguments))
    except amqp.ChannelError as error:
        return str(error.reply_text)
    return None


def _correct(arguments: dict[str, Any], found: re.Match[str]) -> None:
    argument, value, kind = found["argument"], found["value"], found["type"]
    if value is None:
        arguments.pop(argument, None)
    elif kind == "bool":
        arguments[argument] = value == "true"
    elif kind == "longstr" or isinstance(arguments.get(argument), str):
        arguments[argument] = value
    else:
        arguments[argument] = int(value) if value.lstrip("-").isdigit() else value
