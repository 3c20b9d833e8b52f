"""Faults drawn at random, one after the other, while runs go on."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from chaos.stage import Stage


@pytest.fixture
def minutes(request) -> float:
    asked: float = request.config.getoption("--chaos-minutes", default=0)
    if not asked:
        pytest.skip("random faults are asked for by --chaos-minutes")
    return asked


@pytest.fixture
def seed(request) -> int:
    given = request.config.getoption("--chaos-seed", default=None)
    return random.SystemRandom().randrange(10**6) if given is None else given


def kill_a_worker(stage: Stage, chance: random.Random) -> None:
    stage.workers[chance.choice(sorted(stage.hosts))].kill()


def kill_a_host(stage: Stage, chance: random.Random) -> None:
    stage.workers[chance.choice(sorted(stage.hosts))].kill_host()


def kill_a_child(stage: Stage, chance: random.Random) -> None:
    children = sorted(stage.workers[chance.choice(sorted(stage.hosts))].children())
    with suppress(ProcessLookupError, IndexError):
        os.kill(chance.choice(children), signal.SIGKILL)


def end_a_worker(stage: Stage, chance: random.Random) -> None:
    leaving = stage.workers[chance.choice(sorted(stage.hosts))]
    leaving.terminate()
    leaving.await_end(stage.form.grace + 15)


def restart_the_broker(stage: Stage, _: random.Random) -> None:
    stage.broker.restart()


def crash_the_broker(stage: Stage, _: random.Random) -> None:
    stage.broker.kill()
    stage.broker.start()


def wipe_the_broker(stage: Stage, _: random.Random) -> None:
    stage.broker.wipe()


def restart_the_database(stage: Stage, chance: random.Random) -> None:
    stage.postgres.stop()
    time.sleep(chance.uniform(0, stage.form.outage))
    stage.start_postgres()


def break_a_way(stage: Stage, chance: random.Random) -> None:
    host = stage.hosts[chance.choice(sorted(stage.hosts))]
    link = chance.choice([host.broker, host.database])
    chance.choice([link.cut, link.freeze])()
    time.sleep(chance.uniform(0, stage.form.outage))
    link.heal()


FAULTS = (
    kill_a_worker,
    kill_a_host,
    kill_a_child,
    end_a_worker,
    restart_the_broker,
    crash_the_broker,
    wipe_the_broker,
    restart_the_database,
    break_a_way,
)


@pytest.mark.timeout(0)
def test_nothing_is_lost_whatever_happens_in_whatever_order(trial, minutes, seed):
    fault = trial(f"random faults for {minutes:g} min, seed {seed}")
    stage, chance = fault.stage, random.Random(seed)
    print(f"--chaos-seed {seed}")
    end, before = time.monotonic() + 60 * minutes, []
    while time.monotonic() < end:
        stage.crew()
        started = fault.start()
        time.sleep(chance.uniform(0, 3))
        drawn = chance.choice(FAULTS)
        print(f"{time.strftime('%X')} {drawn.__name__}")
        drawn(stage, chance)
        # A run meets two faults at most: with more, a node may use up its tries, as it should.
        fault.until_ended(before)
        before = started
    since = time.time()
    stage.crew()

    fault.judge(since=since)
