"""Lowering a counter touches no index: in PostgreSQL's words, the update is heap-only."""

from __future__ import annotations

from plans import layers

UPDATES = """
    SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = 'pypeline_node'
"""
LOWER = (
    "UPDATE pypeline_node SET waiting = waiting - 1 WHERE run_id = %s AND state = 'pending' AND waiting > 2"
)


def test_counters_are_lowered_without_writing_to_an_index(postgres, drive):
    run = drive(postgres, layers(2, 10))
    connection = postgres._connections.current()

    with connection.transaction():
        # The first update moves each row from its full page to one with room.
        connection.execute(LOWER, [run.run_id])
        before = connection.execute(UPDATES).fetchone()
        connection.execute(LOWER, [run.run_id])
        after = connection.execute(UPDATES).fetchone()

    assert after[0] - before[0] == 10
    assert after[1] - before[1] >= 8
