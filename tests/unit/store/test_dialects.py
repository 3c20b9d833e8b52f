from __future__ import annotations

import sqlite3
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import psycopg
import pytest

from pypeline.errors import InvalidSetting, MissingExtra
from pypeline.store.dialects import dialect_for
from pypeline.store.rendering import for_postgres_alone

SQLITE = dialect_for("sqlite:///x.db")
POSTGRES = dialect_for("postgresql://u:p@h/d")
STATEMENT = """
    UPDATE t SET due = shift(now(), :delay), kept = shift(q.sent_at, :margin), x = :x::text
    WHERE p IN each(:positions)
"""


def test_a_statement_is_written_once_for_both():
    assert "IN (SELECT value FROM json_each(:positions))" in SQLITE.render(STATEMENT)
    assert "shift(now(), :delay)" in SQLITE.render(STATEMENT)

    rendered = POSTGRES.render(STATEMENT)
    assert "due = (now() + make_interval(secs => %(delay)s))" in rendered
    assert "kept = (q.sent_at + make_interval(secs => %(margin)s))" in rendered
    assert "x = %(x)s::text" in rendered
    assert "p = ANY(%(positions)s)" in rendered


def test_lists_travel_as_json_to_sqlite_and_as_they_are_to_postgres():
    params = {"positions": [1, 2], "name": "a", "none": None}

    assert SQLITE.params(params) == {"positions": "[1, 2]", "name": "a", "none": None}
    assert POSTGRES.params(params) is params


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRES])
def test_a_time_goes_to_the_driver_and_comes_back(dialect):
    moment = datetime(2026, 1, 1, 12, 30, 0, 5, tzinfo=UTC)

    assert dialect.time(dialect.moment(moment)) == moment


def test_sqlite_reads_the_clock_that_it_is_given(tmp_path):
    dialect = dialect_for(f"sqlite:///{tmp_path}/x.db", clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    connection = dialect.connect()

    found = connection.execute("SELECT now(), shift(now(), 1.5)").fetchone()

    connection.close()
    assert found == ("2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:01.500000Z")


def test_sqlite_writes_ahead_and_keeps_foreign_keys(tmp_path):
    connection = dialect_for(f"sqlite:///{tmp_path}/x.db").connect()

    found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "foreign_keys")]

    connection.close()
    assert found == ["wal", 1]


def test_a_deadlock_is_tried_again_and_a_lost_server_is_not():
    assert POSTGRES.may_repeat(psycopg.errors.DeadlockDetected())
    assert POSTGRES.may_repeat(psycopg.errors.SerializationFailure())
    assert not POSTGRES.may_repeat(psycopg.OperationalError())
    assert not SQLITE.may_repeat(sqlite3.OperationalError("database is locked"))


def test_a_lost_database_is_told_from_a_wrong_statement():
    assert POSTGRES.is_lost(psycopg.errors.AdminShutdown())
    assert POSTGRES.is_lost(psycopg.InterfaceError())
    assert not POSTGRES.is_lost(psycopg.errors.UniqueViolation())
    assert SQLITE.is_lost(sqlite3.OperationalError("disk I/O error"))
    assert not SQLITE.is_lost(sqlite3.IntegrityError())


@pytest.mark.parametrize("url", ["postgresql://u:secret@h:port/d", "://secret", "secret"])
def test_what_is_no_url_is_refused_and_not_shown(url):
    with pytest.raises(InvalidSetting, match="PYPELINE_DATABASE_URL: is no URL of a database") as caught:
        dialect_for(url)

    assert "secret" not in str(caught.value)


def test_a_database_of_another_kind_is_refused():
    with pytest.raises(InvalidSetting, match="mysql is not supported"):
        dialect_for("mysql://h/d")


def test_without_its_driver_postgres_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(MissingExtra, match=r"pip install 'pypeline\[postgres\]'"):
        dialect_for("postgresql://h/d")


def test_a_list_of_rows_is_written_once_for_both():
    statement = "SELECT h.a FROM rows(:held AS h, a text, b integer)"

    assert POSTGRES.render(statement) == (
        "SELECT h.a FROM json_to_recordset(%(held)s::json) AS h(a text, b integer)"
    )
    assert SQLITE.render(statement) == (
        "SELECT h.a FROM (SELECT json_extract(value, '$.a') AS a, json_extract(value, '$.b') AS b "
        "FROM json_each(:held)) AS h"
    )


def test_a_statement_that_stands_alone_has_numbered_parameters():
    statement, names = for_postgres_alone("SELECT :b::integer, :a WHERE x = :b")

    assert statement == "SELECT $1::integer, $2 WHERE x = $1"
    assert names == ("b", "a")


def test_a_standby_is_a_lost_server():
    assert POSTGRES.is_lost(psycopg.errors.ReadOnlySqlTransaction())


def test_errors_of_a_pooler_end_the_preparing():
    connection = SimpleNamespace(prepare_threshold=5)

    assert not POSTGRES.was_mended(connection, psycopg.errors.UniqueViolation())
    assert connection.prepare_threshold == 5
    assert POSTGRES.was_mended(connection, psycopg.errors.DuplicatePreparedStatement())
    assert connection.prepare_threshold is None
