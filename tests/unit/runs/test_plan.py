from __future__ import annotations

from plans import plan_of
from pypeline.runs.plan import DEFAULT_WINDOW, Step
from pypeline.runs.retries import RetryPolicy
from pypeline.runs.rules import TriggerRule


def test_the_sinks_are_what_nothing_follows():
    plan = plan_of({"a": ["b", "c"], "c": ["d"]})

    assert [plan.dag.names[position] for position in plan.sinks] == ["b", "d"]


def test_the_sources_of_maps_are_found_with_the_nodes_that_map_over_them():
    plan = plan_of({"a": ["b", "c", "d"]}, b={"for_each": "a"}, c={"for_each": "a"})

    assert plan.map_sources == {plan.dag.positions["a"]: ("b", "c")}


def test_the_queues_are_those_of_its_steps():
    plan = plan_of({"a": ["b"], "b": ["c"]}, b={"queue": "slow"})

    assert plan.queues == {"q", "slow"}


def test_a_run_takes_the_first_handler_unless_it_says_otherwise():
    plan = plan_of({"a": ["b"]}, a={"handlers": ("one", "two")}, b={"handlers": ("three",)})

    assert plan.handler(0, {}) == "one"
    assert plan.handler(0, {"a": 1}) == "two"
    assert plan.handler(1, {"a": 1}) == "three"


def test_a_step_says_no_more_than_it_must():
    step = Step("a", ("h",), "q")

    assert step.retry == RetryPolicy(max_retry=3, backoff=3.0, backoff_max=600.0, jitter=False)
    assert step.rule is TriggerRule.ALL_SUCCESS
    assert (step.for_each, step.batch_size, step.window, step.max_ttl) == (None, 1, DEFAULT_WINDOW, None)
