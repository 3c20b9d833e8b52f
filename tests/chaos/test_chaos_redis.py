"""The same promises on the other broker."""

from __future__ import annotations

import time


def test_on_redis_the_runs_of_a_killed_worker_are_finished_by_another(redis_trial):
    fault = redis_trial("Redis: worker killed (-9)")
    victim, _ = fault.stage.crew()
    fault.start()
    fault.until_busy(victim, 2)
    victim.kill()

    fault.judge(since=time.time())


def test_runs_go_on_when_redis_was_restarted(redis_trial):
    fault = redis_trial("Redis restarted")
    fault.stage.crew()
    fault.start()
    fault.until_done(3)
    fault.stage.broker.restart()

    fault.judge(since=time.time())


def test_runs_go_on_when_redis_has_lost_all_that_it_held(redis_trial):
    fault = redis_trial("Redis flushed, messages inside")
    fault.stage.crew()
    fault.start(sets=2 * fault.stage.form.sets)
    fault.until_done(3)
    fault.stage.broker.wipe()

    fault.judge(since=time.time())
