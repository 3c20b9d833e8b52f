"""One host loses its way to a server, the other keeps its own."""

from __future__ import annotations

import time

import pytest

_WAYS = [("cut", "closed"), ("freeze", "silent")]


@pytest.mark.parametrize(("how", "words"), _WAYS)
def test_runs_go_on_while_one_host_cannot_reach_the_broker(trial, how, words):
    fault = trial(f"one host without the broker, {words}")
    link = fault.stage.hosts["one"].broker
    victim, _ = fault.stage.crew()
    fault.start(sets=2 * fault.stage.form.sets)
    fault.until_busy(victim)
    getattr(link, how)()
    time.sleep(fault.stage.form.outage)
    link.heal()

    fault.judge(since=time.time())

    assert victim.lives


@pytest.mark.parametrize(("how", "words"), _WAYS)
def test_the_other_host_takes_over_what_one_without_the_database_held(trial, how, words):
    fault = trial(f"one host without the database, {words}")
    link = fault.stage.hosts["one"].database
    victim, _ = fault.stage.crew()
    fault.start()
    fault.until_busy(victim)
    since = time.time()
    getattr(link, how)()
    time.sleep(fault.stage.form.outage)
    link.heal()

    fault.judge(since=since)

    assert victim.lives
