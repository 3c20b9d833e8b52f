"""RabbitMQ goes away, and comes back with or without what it held."""

from __future__ import annotations

import time


def test_runs_go_on_when_the_broker_was_restarted(trial):
    fault = trial("broker restarted")
    fault.stage.crew()
    fault.start(sets=2 * fault.stage.form.sets)
    fault.until_done(3)
    fault.stage.broker.restart()

    fault.judge(since=time.time())


def test_runs_go_on_when_the_broker_came_back_with_nothing_of_what_it_held(trial):
    fault = trial("broker wiped, messages inside")
    fault.stage.crew()
    fault.start(sets=2 * fault.stage.form.sets)
    fault.until_done(3)
    fault.stage.broker.wipe()

    fault.judge(since=time.time())
