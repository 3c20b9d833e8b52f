"""Lowering a counter touches no index: in PostgreSQL's words, the update is heap-only."""

from __future__ import annotations

import pytest

from plans import layers

UPDATES = """
    SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = 'pypeline_node'
"""
LOWER = (
    "UPDATE pypeline_node SET waiting = waiting - 1 WHERE run_id = %s AND state = 'pending' AND waiting > 2"
)


@pytest.fixture
def connection(postgres):
    """A connection to a store whose pages have room: on a full page no update is heap-only."""
    connection = postgres._connections.current()
    connection.execute("ALTER TABLE pypeline_node SET (fillfactor = 20)")
    yield connection
    connection.execute("ALTER TABLE pypeline_node RESET (fillfactor)")


def test_counters_are_lowered_without_writing_to_an_index(connection, postgres, drive):
    run = drive(postgres, layers(2, 10))

    with connection.transaction():
        connection.execute(LOWER, [run.run_id])
        after = connection.execute(UPDATES).fetchone()

    assert after == (10, 10)
