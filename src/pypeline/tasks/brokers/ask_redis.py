"""What Redis says of itself as a broker."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pypeline.tasks.brokers.facts import LIST, QueueReport, Remark

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kombu import Connection

    from pypeline.tasks.brokers.facts import BrokerReport

_KEEPS_EVERYTHING = "noeviction"


def ask(
    connection: Connection, report: BrokerReport, names: Sequence[str], *, longest: float | None
) -> BrokerReport:
    """Fill in the report. A list in Redis that is empty is none, so every queue counts as there."""
    channel: Any = connection.default_channel
    info = channel.client.info()
    queues = tuple(QueueReport(name, LIST, channel._size(name)) for name in names)  # noqa: SLF001 - kombu's port
    return replace(
        report,
        product=str(info.get("server_name", "redis")).capitalize(),
        version=info.get("valkey_version") or info.get("redis_version"),
        queues=queues,
        remarks=(*_on_memory(info), *_on_time(channel.visibility_timeout, longest)),
    )


def _on_memory(info: dict[str, Any]) -> Iterator[Remark]:
    policy = info.get("maxmemory_policy", _KEEPS_EVERYTHING)
    if policy != _KEEPS_EVERYTHING and info.get("maxmemory"):
        yield Remark(
            "Redis",
            f"maxmemory-policy is {policy}: a full server throws queues away",
            f"set maxmemory-policy {_KEEPS_EVERYTHING}",
        )


def _on_time(visible_after: float, longest: float | None) -> Iterator[Remark]:
    if longest is None or longest >= visible_after:
        limit = "a handler without maxTtl" if longest is None else f"maxTtl {longest:g} s"
        yield Remark(
            "Redis",
            f"visibility_timeout is {visible_after:g} s, but there is {limit}: a message that is worked on "
            "comes to a second worker, who drops it",
            "raise visibility_timeout in broker_transport_options",
        )
