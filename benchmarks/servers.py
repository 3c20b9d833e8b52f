"""The servers that a benchmark talks to, and what it leaves on them: nothing."""

from __future__ import annotations

import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import redis
from kombu import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator

RABBITMQ = "amqp://guest:guest@127.0.0.1:5672//"
REDIS = "redis://127.0.0.1:6379/8"
RESULTS = "redis://127.0.0.1:6379/9"
POSTGRESQL = "postgresql://postgres@127.0.0.1:5432"


@dataclass(frozen=True, slots=True)
class Servers:
    """One broker, the PostgreSQL server (without a database), and the Redis that keeps canvas's results."""

    broker: str
    postgresql: str = POSTGRESQL
    results: str = RESULTS


@contextmanager
def database(server: str) -> Iterator[str]:
    """The URL of a new database, dropped at the end."""
    name = f"benchmark_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{server}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def delete_queue(broker: str, name: str) -> None:
    """Delete a queue of RabbitMQ with what it holds, and the exchange of its name."""
    with Connection(broker) as connection:
        for what in ("queue", "exchange"):
            channel: Any = connection.channel()
            # The broker closes the channel over what it does not have.
            with suppress(*connection.channel_errors):
                getattr(channel, f"{what}_delete")(name)
            channel.close()


def delete_keys(server: str, prefix: str) -> None:
    """Delete the keys of a Redis database that begin so."""
    with redis.Redis.from_url(server) as client:
        for key in client.scan_iter(f"{prefix}*", count=1000):
            client.delete(key)
