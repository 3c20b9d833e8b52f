"""A PostgreSQL that says nothing, and one that is slow: told apart by those who cannot wait."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from celery_fakes import wait_until
from pypeline.errors import DatabaseUnavailable
from pypeline.store.schema import upgrade
from pypeline.store.sql_store import SqlStore, opened
from services import private_postgres

SLOW = "SELECT 1 FROM pg_sleep(1.5)"


@pytest.fixture(scope="module")
def postgres():
    with private_postgres() as server:
        with opened(f"{server.url}/postgres") as engine:
            upgrade(engine)
        yield server


@pytest.fixture
def store(postgres):
    with SqlStore(f"{postgres.url}/postgres", patient=False) as made:
        yield made


def ask(store, statement="SELECT 1"):
    return store._connections.read(lambda tx: tx.one(statement))


def answers(store):
    try:
        return ask(store) == (1,)
    except DatabaseUnavailable:
        return False


def test_a_statement_that_takes_long_is_waited_for(store):
    assert ask(store, SLOW) == (1,)


def test_statements_and_transactions_of_a_silent_server_are_given_up(postgres, store):
    ask(store)

    with postgres.mute():
        with pytest.raises(DatabaseUnavailable, match="the server says nothing"):
            ask(store)
        with pytest.raises(DatabaseUnavailable, match="the server says nothing"):
            store._connections.transact(lambda tx: tx.one("SELECT 1"))

    wait_until(lambda: answers(store))


def test_a_thread_without_a_connection_opens_none_to_a_silent_server(postgres, store):
    found = []

    def look():
        with pytest.raises(DatabaseUnavailable) as caught:
            ask(store)
        found.append(str(caught.value))

    with postgres.mute():
        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

    assert len(found) == 4


@pytest.mark.parametrize(("given", "expected"), [("", 15_000), ("?tcp_user_timeout=3000", 3_000)])
def test_the_kernel_is_asked_to_notice_a_host_that_is_gone(postgres, given, expected):
    with SqlStore(f"{postgres.url}/postgres{given}") as patient:
        descriptor = os.dup(patient._connections.current().pgconn.socket)
        with socket.socket(fileno=descriptor) as wire:
            assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == expected
            assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


def test_a_store_that_finds_silence_does_not_open(postgres):
    with postgres.mute(), pytest.raises(DatabaseUnavailable, match="the server says nothing"):
        SqlStore(f"{postgres.url}/postgres", patient=False)
