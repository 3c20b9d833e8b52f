"""PostgreSQL goes away, and comes back."""

from __future__ import annotations

import time

from chaos.checks import charged


def test_runs_go_on_when_the_database_was_restarted(trial):
    fault = trial("database restarted")
    fault.stage.crew()
    fault.start()
    fault.until_done(3)
    fault.stage.postgres.stop()

    evidence = fault.judge(since=fault.stage.start_postgres())

    assert not charged(evidence)


def test_what_handlers_finish_while_the_database_is_away_is_recorded_after(trial):
    form = (fault := trial("database away")).stage.form
    fault.stage.crew()
    fault.start(pause=2 * form.pause)
    fault.until_done(2)
    fault.stage.postgres.stop()
    away = time.monotonic()
    time.sleep(form.outage)

    evidence = fault.judge(since=fault.stage.start_postgres())

    assert any(entry.ended and entry.at > away for entry in evidence.entries)
    assert not charged(evidence)
