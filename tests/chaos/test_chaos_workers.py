"""Workers that are killed."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest

from chaos.forms import CHILD_BOUND
from chaos.shapes import CHAIN, DIAMOND, FAN
from chaos.workers import await_that


def test_without_a_fault_each_node_has_the_attempts_that_its_shape_asks_for(trial):
    calm = trial("none")
    calm.stage.crew()
    calm.start()

    evidence = calm.judge()

    assert all(move.attempt <= 2 for moves in evidence.moves.values() for move in moves)


def test_the_runs_of_a_killed_worker_are_finished_by_another(trial):
    fault = trial("worker killed (-9) while running")
    victim, _ = fault.stage.crew()
    fault.start()
    fault.until_busy(victim, 2)
    children = victim.children()
    victim.kill()
    since = time.time()

    await_that(lambda: not any(map(psutil.pid_exists, children)), "its children are gone", timeout=5)
    fault.judge(since=since)


@pytest.mark.parametrize(
    ("when", "words"),
    [("before", "between commit and publish"), ("amid", "while publishing"), ("after", "after publishing")],
)
def test_what_a_worker_committed_before_it_died_is_sent_by_another(trial, when, words):
    fault = trial(f"worker killed {words}")
    stage = fault.stage
    mark = stage.folder / f"died-{when}"
    stage.dismiss("one")
    stage.hire("victim", host="one", CHAOS_DIE=when, CHAOS_MARK=str(mark))
    fault.start(FAN, sets=2 * stage.form.sets)
    fault.start(CHAIN, DIAMOND)
    await_that(mark.exists, "the worker has died", timeout=30)

    fault.judge(since=mark.stat().st_mtime)


def test_an_attempt_whose_process_the_kernel_kills_is_made_again_at_once(trial):
    fault = trial("child killed (-9), as for lack of memory")
    victim, _ = fault.stage.crew()
    fault.start()
    os.kill(fault.until_busy(victim)[0].pid, signal.SIGKILL)

    fault.judge(since=time.time(), bound=CHILD_BOUND)

    assert victim.lives
