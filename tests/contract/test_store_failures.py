"""A database that is locked, away, restarted, or shared with a fork."""

from __future__ import annotations

import gc
import socket
import subprocess
import sys
import threading
import time

import pytest

from plans import chain, mapping
from pypeline.errors import DatabaseUnavailable, InvalidSetting
from pypeline.runs.outcome import Succeeded
from pypeline.runs.states import RunState
from pypeline.store import sqlite as dialect
from pypeline.store.records import RunFilter
from pypeline.store.sql_store import SqlStore

# Holds the write lock of a file until its input ends.
LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""
# Uses a store before, in and after a fork; each side says the state of the run that it made.
FORKER = """
import os, sys, uuid
from pypeline.runs.outcome import Succeeded
from pypeline.store.records import AttemptRef, NewRun, RunFilter
from pypeline.store.sql_store import SqlStore
from plans import chain

def use(store):
    run_id = str(uuid.uuid4())
    store.create_run(chain(1), NewRun(run_id, {}, "cli", "b"))
    claim = store.claim(AttemptRef(run_id, 0, -1, 1), token="t", worker="w", lease=30)
    for _ in range(50):
        assert [node.name for node in store.nodes(run_id, limit=9)] == ["n0"]
        assert run_id in [run.run_id for run in store.runs(RunFilter())]
        assert store.run_state(run_id) == "running"
    return store.record(chain(1), claim, Succeeded("1")).finished

with SqlStore(sys.argv[1]) as store:
    print(use(store), flush=True)
    if os.fork() == 0:
        print(use(store), flush=True)
        os._exit(0)
    print(use(store), flush=True)
    _, status = os.wait()
    print(use(store), status, flush=True)
"""


def python(script, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        env={"PYTHONPATH": ":".join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def url_of(store):
    return store._engine.url.render_as_string(hide_password=False)


@pytest.fixture
def impatient(sqlite, tmp_path, monkeypatch):
    """A store on the file of `sqlite` that waits a tenth of a second for a lock."""
    monkeypatch.setattr(dialect, "BUSY_TIMEOUT", 0.1)
    with SqlStore(f"sqlite:///{tmp_path / 'runs.db'}") as store:
        yield store


@pytest.fixture
def locker(impatient, tmp_path):
    """Another process that holds the file's write lock until it is told to end."""
    with python(LOCKER, str(tmp_path / "runs.db")) as process:
        assert process.stdout.readline() == "locked\n"
        yield process
        process.stdin.close()


def test_a_file_that_stays_locked_is_unavailable_and_then_works(impatient, locker, drive):
    with pytest.raises(DatabaseUnavailable, match="locked"):
        drive(impatient, chain(1))

    locker.stdin.close()
    locker.wait()
    assert drive(impatient, chain(1)).state is RunState.PENDING


def test_a_locked_file_can_still_be_read(impatient, locker):
    assert impatient.runs(RunFilter()) == []
    assert impatient.owner_seen("b") is None


def test_a_lock_that_is_given_up_in_time_is_waited_for(impatient, drive, tmp_path, monkeypatch):
    monkeypatch.setattr(dialect, "BUSY_TIMEOUT", 60.0)
    with SqlStore(url_of(impatient)) as patient, python(LOCKER, str(tmp_path / "runs.db")) as process:
        assert process.stdout.readline() == "locked\n"
        runs = []
        writer = threading.Thread(target=lambda: runs.append(drive(patient, chain(1))))
        writer.start()
        process.stdin.close()
        writer.join()

    assert len(runs) == 1


def test_a_folder_that_is_not_there_is_unavailable(tmp_path):
    with pytest.raises(DatabaseUnavailable, match="its folder exists"):
        SqlStore(f"sqlite:///{tmp_path}/nowhere/runs.db")


def test_a_database_in_memory_is_refused():
    with pytest.raises(InvalidSetting, match=r"sqlite:///pypeline\.db"):
        SqlStore("sqlite://")


def test_another_kind_of_database_is_refused_with_those_there_are():
    with pytest.raises(InvalidSetting, match="postgresql:// or sqlite:///"):
        SqlStore("mysql://localhost/x")


def test_a_server_that_is_not_there_is_unavailable_at_once():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"postgresql://u:secret@127.0.0.1:{unused.getsockname()[1]}/x"
        with pytest.raises(DatabaseUnavailable) as refused:
            SqlStore(url)

    assert "secret" not in str(refused.value)


def test_a_server_that_does_not_answer_is_given_up_soon():
    started = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/x?connect_timeout=2"
        with pytest.raises(DatabaseUnavailable):
            SqlStore(url)

    assert time.monotonic() - started < 15


def test_connecting_takes_no_longer_than_seconds_by_default(postgres):
    assert postgres._engine.url.query["connect_timeout"] == "5"
    assert postgres._connections.current().info.get_parameters()["connect_timeout"] == "5"


@pytest.fixture
def own(postgres):
    """A store of its own on the shared PostgreSQL database, whose connections may be killed."""
    with SqlStore(url_of(postgres)) as store:
        yield store


def kill_connections(own, postgres):
    """End the server's side of every connection of a store, as a restart does."""
    pids = [held.connection.info.backend_pid for held in own._connections._open]
    with own._engine.connect() as connection:
        pids.append(connection.connection.driver_connection.info.backend_pid)
    with postgres._dialect.connect() as killer:
        for pid in pids:
            killer.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


@pytest.mark.parametrize("question", ["record", "transaction", "read", "page"])
def test_a_connection_that_was_killed_is_replaced_without_an_error(own, postgres, drive, question):
    run = drive(own, chain(2))
    claim = run.claim("n0")
    ask = {
        "record": lambda: run.record(claim, Succeeded("1")),
        "transaction": lambda: own.give_back(claim),
        "read": lambda: own.run_state(run.run_id),
        "page": lambda: own.runs(RunFilter()),
    }[question]
    kill_connections(own, postgres)

    assert ask()
    assert run.node("n0") is not None


def test_a_list_whose_connection_is_killed_while_it_is_read_is_read_on(own, postgres, drive):
    run = drive(own, mapping())
    run.list("list", 500)
    elements = own.elements(run.run_id, 0)
    next(elements)
    kill_connections(own, postgres)

    assert len(list(elements)) == 499


def test_a_child_of_a_fork_uses_connections_of_its_own(store):
    with python(FORKER, url_of(store)) as process:
        said = process.stdout.read().splitlines()

    assert sorted(said) == ["success", "success", "success", "success 0"]


def test_a_thread_that_has_ended_leaves_no_connection_behind(store, drive):
    drive(store, chain(1))
    threads = [threading.Thread(target=lambda: drive(store, chain(1))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    threads.clear()
    gc.collect()

    assert len(store._connections._open) == 1


def test_a_store_that_was_closed_has_no_connection(postgres):
    closed = SqlStore(url_of(postgres))
    assert closed.owner_seen("b") is None
    connection = closed._connections.current()

    closed.close()

    assert connection.closed
    assert len(closed._connections._open) == 0
