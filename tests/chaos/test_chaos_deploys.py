"""What a deploy does to runs in flight: workers end in an orderly way, and configurations change."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from chaos.shapes import CHAIN, ENDLESS, RETRIES, Shape
from chaos.workers import await_that

if TYPE_CHECKING:
    from collections.abc import Iterator

OTHER_WAY = Shape("chain", {"a": ("d",), "d": ("c",), "c": ("b",)}, {"a": 1, "d": 2, "c": 3, "b": 4})


@pytest.fixture
def configuration(rabbit_stage) -> Iterator[str]:
    """The text of the suite's configuration, in force again at the end."""
    text = (rabbit_stage.folder / "sermos.yaml").read_text()
    yield text
    rabbit_stage.dismiss()
    rabbit_stage.reconfigure(text)


def deploy(stage, text: str) -> None:
    """End both workers in an orderly way, and start others with this configuration."""
    for worker in (workers := stage.crew()):
        worker.terminate()
    for worker in workers:
        worker.await_end(stage.form.grace + 15)
    stage.reconfigure(text)
    stage.crew()


def test_a_worker_that_is_asked_to_end_finishes_or_gives_back_uncharged(trial):
    fault = trial("deploy: SIGTERM")
    stage = fault.stage
    workers = stage.crew()
    fault.start(ENDLESS)
    await_that(fault.running, "the long handler runs", timeout=30)
    [leaving] = [worker for worker in workers if fault.running(worker)]
    fault.start(CHAIN, sets=4)
    fault.until_busy(leaving, 2)
    leaving.terminate()
    code = leaving.await_end(stage.form.grace + 15)

    evidence = fault.judge(since=time.time())

    assert code == 0
    assert {move.tries for moves in evidence.moves.values() for move in moves} == {0}
    assert max(move.attempt for moves in evidence.moves.values() for move in moves) == 2


def test_a_new_configuration_leaves_the_runs_in_flight_as_they_began(trial, configuration):
    fault = trial("deploy: the pipeline was changed")
    stage = fault.stage
    stage.crew()
    fault.start(CHAIN, sets=3, pause=1.0)
    fault.until_done(1)
    deploy(stage, configuration.replace("{a: [b], b: [c], c: [d]}", "{a: [d], d: [c], c: [b]}"))
    since = time.time()
    fault.start(OTHER_WAY, sets=1)

    fault.judge(since=since)


def test_a_node_whose_handler_vanished_says_so_and_goes_on_when_it_is_back(trial, configuration):
    fault = trial("deploy: a handler vanished, and came back")
    stage = fault.stage
    stage.crew()
    [run] = fault.start(RETRIES, sets=1, pause=1.0)
    fault.until_done(1)
    deploy(stage, without_retries(configuration))

    await_that(
        lambda: any("chaos_handlers.flaky" in why for why in whys(stage, run)),
        lambda: f"a node says which handler it lacks: {stage.application.document(run)}",
        timeout=30,
    )
    deploy(stage, configuration)

    evidence = fault.judge(since=time.time())

    assert max(move.tries for moves in evidence.moves.values() for move in moves) == 1


def whys(stage, run: str) -> list[str]:
    """What the waiting nodes of a run say that they wait for."""
    return [node["why"] for node in stage.application.document(run)["nodes"] if node["why"]]


def without_retries(text: str) -> str:
    """The configuration without one handler, and without the pipeline that calls it."""
    before, rest = text.split("  retries:\n")
    _, after = rest.split("  all-done:\n")
    return (before + "  all-done:\n" + after).replace("      - handler: chaos_handlers.flaky\n", "")
