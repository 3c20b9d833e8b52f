"""How transactions are tried again, on a driver that does as it is told."""

from __future__ import annotations

import gc
import sqlite3
from types import SimpleNamespace

import pytest
from sqlalchemy import make_url

from pypeline.errors import DatabaseUnavailable
from pypeline.store import connections as module
from pypeline.store.connections import Connections, NeedsAllLocks
from pypeline.store.sqlite import SqliteDialect


class Deadlock(sqlite3.Error):
    """The database undid a transaction."""


class Restless(SqliteDialect):
    """SQLite that takes deadlocks for its own, counts its connections and fails to commit when told to."""

    connected = 0
    fails_to_commit: list[Exception]

    def __init__(self, url):
        super().__init__(url, clock=lambda: None)
        self.fails_to_commit = []

    def connect(self):
        self.connected += 1
        return super().connect()

    def commit(self, connection, *, durable):
        if self.fails_to_commit:
            raise self.fails_to_commit.pop()
        super().commit(connection, durable=durable)

    def may_repeat(self, error):
        return isinstance(error, Deadlock)


@pytest.fixture
def dialect(tmp_path):
    return Restless(make_url(f"sqlite:///{tmp_path}/x.db"))


@pytest.fixture
def connections(dialect):
    made = Connections(dialect, url="sqlite:///x.db")
    made.transact(lambda tx: tx.run("CREATE TABLE t (x INTEGER PRIMARY KEY)"))
    yield made
    made.close()


def insert(tx):
    return tx.run("INSERT INTO t DEFAULT VALUES")


def count(connections):
    return connections.read(lambda tx: tx.one("SELECT count(*) FROM t"))[0]


def test_a_deadlock_is_tried_again_and_leaves_one_result(connections, dialect):
    dialect.fails_to_commit = [Deadlock(), Deadlock()]

    connections.transact(insert)

    assert count(connections) == 1


def test_deadlocks_without_end_reach_the_caller(connections, dialect):
    dialect.fails_to_commit = [Deadlock() for _ in range(1_000)]

    with pytest.raises(Deadlock):
        connections.transact(insert)

    assert count(connections) == 0


def test_a_transaction_that_needs_more_locks_starts_again_with_all(connections):
    tries = []

    def work(tx):
        tries.append(tx.wide)
        insert(tx)
        if not tx.wide:
            raise NeedsAllLocks

    connections.transact(work)

    assert tries == [False, True]
    assert count(connections) == 1


def test_a_transaction_that_fails_leaves_nothing(connections):
    def work(tx):
        insert(tx)
        raise KeyError("mine")

    with pytest.raises(KeyError):
        connections.transact(work)

    assert count(connections) == 0


def test_a_lost_connection_is_replaced_at_the_next_call(connections, dialect):
    before = dialect.connected
    dialect.fails_to_commit = [sqlite3.OperationalError("disk I/O error")]

    with pytest.raises(DatabaseUnavailable):
        connections.transact(insert)
    connections.transact(insert)

    assert dialect.connected == before + 1
    assert count(connections) == 1


def test_an_error_of_a_statement_is_the_callers_and_keeps_the_connection(connections, dialect):
    before = dialect.connected
    for _ in range(2):
        with pytest.raises(sqlite3.IntegrityError):
            connections.transact(lambda tx: tx.run("INSERT INTO t VALUES (1), (1)"))

    assert dialect.connected == before


def test_a_read_that_fails_is_translated(connections):
    with pytest.raises(DatabaseUnavailable, match="no such table"):
        connections.read(lambda tx: tx.all("SELECT * FROM nowhere"))


def test_growth_that_cannot_be_noted_is_no_failure(connections, dialect):
    noted = []

    def note(connection, rows):
        noted.append(rows)
        raise sqlite3.OperationalError("away")

    dialect.note_growth = note

    connections.note_growth(5_000)

    assert noted == [5_000]
    assert count(connections) == 0


def test_growth_is_noted_once_it_is_much_in_all(connections, dialect):
    noted = []
    dialect.note_growth = lambda connection, rows: noted.append(rows)

    for _ in range(120):
        connections.note_growth(10)

    assert noted == [500, 500]


def test_a_thread_goes_on_after_its_connections_were_closed(connections):
    connections.close()

    connections.transact(insert)

    assert count(connections) == 1


def test_the_child_of_a_fork_opens_its_own_and_leaves_the_parents_open(connections, dialect, monkeypatch):
    before, parents = dialect.connected, connections.current()
    child = SimpleNamespace(getpid=lambda: -1)

    with monkeypatch.context() as forked:
        forked.setattr(module, "os", child)
        connections.transact(insert)
        assert connections.current() is not parents
        connections.close()
    gc.collect()

    assert dialect.connected == before + 1
    assert parents.execute("SELECT count(*) FROM t").fetchone() == (1,)
    parents.close()


def test_a_connection_that_died_is_replaced_before_the_work_begins(connections, dialect):
    before, begin = dialect.connected, dialect.begin
    dead = [connections.current()]

    def fails_at_first(connection):
        if connection in dead:
            raise sqlite3.OperationalError("the server closed the connection")
        begin(connection)

    dialect.begin = fails_at_first
    dialect.is_dead = lambda connection: connection in dead

    connections.transact(insert)

    assert dialect.connected == before + 1
    assert count(connections) == 1


def test_a_connection_that_dies_within_the_work_is_not_hidden(connections, dialect):
    dialect.is_dead = lambda connection: True
    dialect.fails_to_commit = [sqlite3.OperationalError("the server closed the connection")]

    with pytest.raises(DatabaseUnavailable):
        connections.transact(insert)

    assert count(connections) == 0


def test_a_question_to_a_connection_that_died_is_put_once_more(connections, dialect):
    answers = [sqlite3.OperationalError("the server closed the connection"), "answer"]
    dialect.is_dead = lambda connection: True

    def ask(tx):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert connections.read(ask) == "answer"


def test_a_connection_that_was_mended_is_used_again(connections, dialect):
    before = dialect.connected
    dialect.fails_to_commit = [sqlite3.OperationalError("prepared statement does not exist")]
    dialect.was_mended = lambda connection, error: True

    connections.transact(insert)

    assert dialect.connected == before
    assert count(connections) == 1
