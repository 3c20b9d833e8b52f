"""The schema's life, on both databases."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from plans import chain
from pypeline.errors import DatabaseUnavailable, SchemaNotReady
from pypeline.store import schema
from pypeline.store import sqlite as dialect
from pypeline.store.schedules.tables import metadata
from pypeline.store.schema import CODE_LEVEL, VERSION_TABLE, SchemaLevel, schema_level, upgrade
from pypeline.store.sql_store import SqlStore
from pypeline.store.urls import driver_url
from services import postgres_database
from timetable import every, later

OLDEST_CODE = 1  # the level of the code that this schema still serves
# Opens each database whose URL comes on a line, says how that went, and waits for the next.
OPENER = """
import sys, uuid
from sqlalchemy import create_engine
from pypeline.store.records import NewRun
from pypeline.store.schema import upgrade
from pypeline.store.sql_store import SqlStore
from pypeline.store.urls import driver_url
from plans import chain
import alembic.command, pypeline.store.creation

print("ready", flush=True)
for line in sys.stdin:
    url = line.strip()
    try:
        if url.startswith("postgresql"):
            upgrade(create_engine(driver_url(url)))
        with SqlStore(url) as store:
            store.create_run(chain(2), NewRun(str(uuid.uuid4()), {}, "cli", "b"))
        print("ok", flush=True)
    except Exception as error:
        print(repr(error), flush=True)
"""

# What a release of the first level writes.
OLD_ROWS = (
    "INSERT INTO pypeline_definition VALUES ('d', 'p', '{}', '2026-01-01T00:00:00.000000Z')",
    """
    INSERT INTO pypeline_run (id, app, pipeline_id, definition_id, broker, state, trigger, payload,
        replacements, open_sinks, created_at)
    VALUES ('r', 'default', 'p', 'd', 'b', 'pending', 'cli', '{"a":1}', '{}', 1,
        '2026-01-01T00:00:00.000000Z')
    """,
    """
    INSERT INTO pypeline_node (run_id, position, item, name, queue, state, waiting)
    VALUES ('r', 0, -1, 'n', 'q', 'queued', 0)
    """,
)


@pytest.fixture
def empty_postgres(postgres_url):
    """The URL of a PostgreSQL database without any table."""
    with postgres_database(postgres_url.rpartition("/")[0]) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request, tmp_path):
    """The URL of a database of each kind in which nothing is yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new.db"
    return request.getfixturevalue("empty_postgres")


@pytest.fixture
def engine(new_url):
    made = create_engine(driver_url(new_url))
    yield made
    made.dispose()


@pytest.fixture
def openers():
    """Two processes, past their imports, that open databases when they are told."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", OPENER],
            env={"PYTHONPATH": ":".join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    yield processes
    for process in processes:
        process.communicate()


def open_at_once(openers, url):
    for process in openers:
        process.stdin.write(f"{url}\n")
        process.stdin.flush()
    return [process.stdout.readline() for process in openers]


def differences(engine):
    with engine.connect() as connection:
        options = {
            "version_table": VERSION_TABLE,
            "compare_type": True,
            "compare_server_default": True,
        }
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def upgrade_to(engine, revision):
    """Bring a database to the schema of an older release."""
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def say(engine, *, level, needs):
    with engine.begin() as connection:
        row = {"level": level, "needs": needs}
        connection.execute(text("INSERT INTO pypeline_schema (level, needs) VALUES (:level, :needs)"), row)


def test_migrations_make_what_the_metadata_describe(engine):
    upgrade(engine)

    assert differences(engine) == []


def test_a_difference_would_be_found(engine):
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE pypeline_log ADD COLUMN extra INTEGER"))
        connection.execute(text("DROP INDEX ix_pypeline_run_app"))

    assert {found[0] for found in differences(engine)} == {"remove_column", "add_index"}


def test_every_table_carries_the_prefix(engine):
    upgrade(engine)

    assert all(name.startswith("pypeline_") for name in inspect(engine).get_table_names())


@pytest.mark.parametrize("revision", ["0001", "0002", "0004", "0005"])
def test_an_older_database_is_upgraded_with_its_rows(engine, new_url, revision):
    upgrade_to(engine, revision)
    with engine.begin() as connection:
        for statement in OLD_ROWS:
            connection.exec_driver_sql(statement)

    upgrade(engine)

    assert differences(engine) == []
    assert schema_level(engine) == SchemaLevel(CODE_LEVEL, OLDEST_CODE)
    with SqlStore(new_url) as store:
        record = store.run("r")
        (node,) = store.nodes("r", limit=10)
        store.schedules.create("a", every(), enabled=True, next_after=later())
        assert (record.trigger, record.payload, node.name) == ("cli", {"a": 1}, "n")
        assert store.schedules.schedule("a").is_going is False


def test_code_of_the_last_level_may_go_on_beside_the_new_schema(engine):
    upgrade_to(engine, "0002")
    needs = schema_level(engine).level

    upgrade(engine)

    assert schema_level(engine).needs <= needs


def test_an_empty_database_is_at_level_nought(engine):
    assert schema_level(engine) == SchemaLevel(0, 0)


def test_an_upgrade_may_be_repeated(engine):
    upgrade(engine)
    upgrade(engine)

    assert schema_level(engine) == SchemaLevel(CODE_LEVEL, OLDEST_CODE)


def test_a_database_that_needs_newer_code_is_refused_with_what_to_do(engine, new_url):
    upgrade(engine)
    say(engine, level=CODE_LEVEL + 1, needs=CODE_LEVEL + 1)

    with pytest.raises(SchemaNotReady, match="install a newer pypeline"):
        SqlStore(new_url)


def test_a_database_that_is_merely_newer_is_used(engine, new_url):
    upgrade(engine)
    say(engine, level=CODE_LEVEL + 1, needs=CODE_LEVEL)

    with SqlStore(new_url) as store:
        assert store.owner_seen("b") is None


def test_a_postgres_database_is_upgraded_by_its_command_only(empty_postgres):
    with pytest.raises(SchemaNotReady, match="run `pypeline db upgrade`"):
        SqlStore(empty_postgres)


def test_a_password_is_not_shown(empty_postgres):
    with pytest.raises(SchemaNotReady) as refused:
        SqlStore(empty_postgres.replace("postgres@", "postgres:secret@"))

    assert "secret" not in str(refused.value)


def test_an_sqlite_file_creates_and_upgrades_itself(tmp_path):
    path = tmp_path / "new.db"

    with SqlStore(f"sqlite:///{path}") as store:
        assert schema_level(store._engine) == SchemaLevel(CODE_LEVEL, OLDEST_CODE)

    assert path.exists()


def test_an_sqlite_file_keeps_its_runs_when_it_is_opened_again(sqlite, drive, tmp_path):
    run = drive(sqlite, chain(2))

    with SqlStore(f"sqlite:///{tmp_path / 'runs.db'}") as again:
        assert again.run(run.run_id).run_id == run.run_id


def test_tables_of_the_user_in_the_same_database_are_left_alone(engine):
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE run (id INTEGER PRIMARY KEY)"))
        connection.execute(text("INSERT INTO run VALUES (1)"))

    upgrade(engine)

    with engine.connect() as connection:
        assert connection.execute(text("SELECT id FROM run")).scalar_one() == 1


def test_two_processes_that_open_a_new_file_at_once_both_work(openers, tmp_path):
    for attempt in range(5):
        url = f"sqlite:///{tmp_path}/{attempt}.db"
        assert open_at_once(openers, url) == ["ok\n", "ok\n"]
        with SqlStore(url) as store:
            counted = store._connections.read(lambda tx: tx.one("SELECT count(*) FROM pypeline_run"))
        assert counted == (2,)


def test_an_upgrade_waits_for_whoever_holds_a_new_file(tmp_path):
    impatient, path = {"timeout": 0}, f"sqlite:///{tmp_path}/new.db"
    engine = create_engine(path, connect_args=impatient)
    with closing(
        sqlite3.connect(tmp_path / "new.db", isolation_level=None, check_same_thread=False)
    ) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        release = threading.Timer(0.1, holder.execute, ["COMMIT"])
        release.start()
        upgrade(engine)
        release.join()

    assert schema_level(engine) == SchemaLevel(CODE_LEVEL, OLDEST_CODE)
    engine.dispose()


def test_a_file_that_is_held_for_too_long_is_unavailable(tmp_path, monkeypatch):
    monkeypatch.setattr(dialect, "BUSY_TIMEOUT", 0.01)
    monkeypatch.setattr(schema, "_OPENING", 0.05)
    with closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None)) as holder:
        holder.execute("PRAGMA journal_mode = WAL")
        holder.execute("BEGIN IMMEDIATE")

        with pytest.raises(DatabaseUnavailable, match="locked"):
            SqlStore(f"sqlite:///{tmp_path}/new.db")


def test_two_processes_that_upgrade_one_postgres_at_once_both_work(openers, empty_postgres):
    assert open_at_once(openers, empty_postgres) == ["ok\n", "ok\n"]


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "text.db"
    path.write_text("certainly no database, however long it is looked at\n" * 100)
    copy = shutil.copy(path, tmp_path / "copy")

    with pytest.raises(DatabaseUnavailable, match="not a database"):
        SqlStore(f"sqlite:///{path}")

    assert path.read_bytes() == copy.read_bytes()
