"""The Kafka cluster inside librdkafka, which its own tests use."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import confluent_kafka

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def mock_cluster() -> Iterator[str]:
    """The URL of a cluster of one broker, which lives in this process while the context lasts."""
    owner = confluent_kafka.Producer(
        {"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0}
    )
    [broker] = owner.list_topics(timeout=10).brokers.values()
    yield f"confluentkafka://{broker.host}:{broker.port}"
    owner.flush(0)
