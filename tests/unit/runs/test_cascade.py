"""The cascade of skips against a model that asks every node again and again until nothing changes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from graphs import acyclic
from plans import chain, plan_of
from pypeline.graph import Dag
from pypeline.runs.cascade import Counters, cascade
from pypeline.runs.plan import Plan, Step
from pypeline.runs.rules import TriggerRule, rule_holds

FAILED, SKIPPED, SKIPPED_AFTER_FAILURE = "failed", "skipped", "skipped after a failure"
ENDINGS = ("success", FAILED, SKIPPED)


@st.composite
def plans_with_endings(draw):
    """A plan, and how some of its nodes ended, each after its predecessors."""
    dag = Dag.from_adjacency(draw(acyclic()))
    steps = tuple(Step(name, ("h",), "q", rule=draw(st.sampled_from(TriggerRule))) for name in dag.names)
    plan = Plan("p", "d", {}, dag, steps)
    ended = {}
    for position, parents in enumerate(dag.predecessors):
        if all(parent in ended for parent in parents):
            ending = draw(st.sampled_from((*ENDINGS, None)))
            runs = not parents or holds(plan, position, ended)
            if runs and ending is not None:
                ended[position] = ending
    return plan, ended


def holds(plan, position, ended):
    endings = [ended[parent] for parent in plan.dag.predecessors[position]]
    failed = sum(ending in (FAILED, SKIPPED_AFTER_FAILURE) for ending in endings)
    return rule_holds(plan.steps[position].rule, failed=failed, skipped=endings.count(SKIPPED))


def model(plan, ended):
    """What is skipped and what is ready, by brute force."""
    ended, ready, changed = dict(ended), set(), True
    while changed:
        changed = False
        for position, parents in enumerate(plan.dag.predecessors):
            if position in ended or position in ready or not parents:
                continue
            if not all(parent in ended for parent in parents):
                continue
            changed = True
            if holds(plan, position, ended):
                ready.add(position)
            else:
                after = any(ended[p] in (FAILED, SKIPPED_AFTER_FAILURE) for p in parents)
                ended[position] = SKIPPED_AFTER_FAILURE if after else SKIPPED
    return ended, ready


def counters_of(plan, ended, position):
    parents = plan.dag.predecessors[position]
    endings = [ended[parent] for parent in parents if parent in ended]
    return Counters(
        waiting=len(parents) - len(endings),
        failed=sum(ending in (FAILED, SKIPPED_AFTER_FAILURE) for ending in endings),
        skipped=endings.count(SKIPPED),
    )


@settings(max_examples=400)
@given(plans_with_endings())
def test_the_cascade_decides_what_the_model_does(case):
    plan, ended = case
    waiting = {
        position: counters_of(plan, ended, position)
        for position, parents in enumerate(plan.dag.predecessors)
        if position not in ended and parents
    }
    decided = {
        position: holds(plan, position, ended) for position in waiting if not waiting[position].waiting
    }
    first = [position for position, runs in decided.items() if not runs]
    at_once = {position for position, runs in decided.items() if runs}

    found = cascade(plan, first, {p: replace(counters) for p, counters in waiting.items()})

    ended_after, ready = model(plan, ended)
    assert found.skipped == sorted(set(ended_after) - set(ended))
    assert set(found.ready) == ready - at_once
    assert len(found.ready) == len(set(found.ready))
    lowered = {p: c for p, c in waiting.items() if p not in ended_after and p not in at_once}
    expected = {p: counters_of(plan, ended_after, p) for p in lowered}
    assert found.lowered == {p: counters for p, counters in expected.items() if counters != waiting[p]}


def test_a_skip_reaches_the_end_of_a_long_chain():
    plan = chain(5_000)
    waiting = {position: Counters(1, 0, 0) for position in range(1, 5_000)} | {1: Counters(0, 1, 0)}

    found = cascade(plan, [1], waiting)

    assert found.skipped == list(range(1, 5_000))
    assert (found.ready, found.lowered) == ([], {})


def test_nodes_that_are_no_longer_pending_are_left_alone():
    plan = plan_of({"a": ["b"], "b": ["c"]})

    found = cascade(plan, [1], {1: Counters(0, 1, 0)})

    assert found.skipped == [1]
    assert (found.ready, found.lowered) == ([], {})


def test_a_node_goes_on_waiting_for_what_still_runs():
    plan = plan_of({"a": ["b"], "b": ["d"], "c": ["d"]}, d={"rule": "all_done"})
    position = plan.dag.positions

    found = cascade(
        plan, [position["b"]], {position["b"]: Counters(0, 1, 0), position["d"]: Counters(2, 0, 0)}
    )

    assert found.lowered == {position["d"]: Counters(1, 1, 0)}
    assert found.ready == []
