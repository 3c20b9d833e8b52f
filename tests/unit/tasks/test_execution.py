import asyncio
import json
import logging
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from celery import Celery
from celery.exceptions import WorkerShutdown

from pypeline.errors import DatabaseUnavailable, Fail, RetryLater, Skip
from pypeline.graph import Dag
from pypeline.runs.outcome import Failed, Postponed, SkippedByHandler, Succeeded
from pypeline.runs.plan import Plan, Step
from pypeline.store.records import NODE
from pypeline.tasks.attempts.capture import Capture
from pypeline.tasks.attempts.execution import Executor, execute
from pypeline.tasks.attempts.registry import Registry
from pypeline.tasks.attempts.toolbox import Toolbox
from pypeline.tasks.limits.timeouts import SoftTimeLimit, Watchdog

SOON = 0.02
FOREVER = 30.0


@pytest.fixture
def attempt(make_call):
    """Executes a function as a handler, with its output captured."""

    def attempt(function, **call):
        options = {name: call.pop(name) for name in ("limits", "subject") if name in call}
        with Capture():
            return execute(make_call(function, **call), **options)

    return attempt


@pytest.fixture
def expired():
    return []


@pytest.fixture
def watchdog(expired):
    watchdog = Watchdog(expired.append, grace=FOREVER)
    yield watchdog
    watchdog.close()


def result(outcome):
    assert isinstance(outcome, Succeeded), outcome
    return json.loads(outcome.result)


# — arguments —


def test_a_handler_gets_its_event_and_what_it_returns_is_the_result(attempt):
    outcome = attempt(lambda event: {"day": event["day"], "node": event["node"]}, payload={"day": "monday"})

    assert outcome == Succeeded('{"day": "monday", "node": "report"}')


def test_a_handler_that_returns_nothing_succeeds_with_null(attempt):
    assert attempt(lambda event: None) == Succeeded("null")


def test_tools_are_given_to_a_handler_that_asks_for_them(attempt):
    def handler(event, tools):
        tools.log.info("hello")
        return tools.cancelled

    outcome = attempt(handler)

    assert result(outcome) is False
    assert outcome.log.endswith("INFO demo.tasks.report: hello\n")
    assert outcome.log.count("hello") == 1


def test_the_results_of_predecessors_are_given_by_name(attempt, results):
    results.keep(0, {"rows": 3}).keep_parts(1, [1, None, 3])

    def report(event, clean, *, count, missing):
        return [clean, list(count), missing]

    outcome = attempt(report, predecessors={"clean": 0, "count": 1, "missing": 2})

    assert result(outcome) == [{"rows": 3}, [1, None, 3], None]


def test_a_parameter_with_a_default_gets_a_result_only_where_it_names_a_predecessor(attempt, results):
    results.keep(0, "cleaned")

    def report(event, clean="none", size=5, *args, **kwargs):
        return [clean, size, args, kwargs]

    assert result(attempt(report, predecessors={"clean": 0, "other": 1})) == ["cleaned", 5, [], {}]


def test_a_parameter_that_names_no_predecessor_fails_the_attempt(attempt):
    outcome = attempt(lambda event, clean: None, predecessors={"count": 1})

    assert outcome.error.type == "KeyError"
    assert "'clean' is no direct predecessor of node 'report'; it has: count" in outcome.error.message


def test_a_predecessor_that_no_parameter_names_is_read_only_when_asked_for(attempt, results):
    results.keep(0, 7)

    assert result(attempt(lambda event: len(event.upstream), predecessors={"clean": 0})) == 1
    assert results.reads == []
    assert result(attempt(lambda event: event.upstream["clean"], predecessors={"clean": 0})) == 7


def test_an_item_of_a_for_each_node_gets_its_element(attempt, results):
    results.keep_parts(0, ["a", "b"])

    outcome = attempt(lambda event: [event["item"], event["index"]], for_each=0, item=1)

    assert result(outcome) == ["b", 1]


def test_a_database_that_is_away_before_the_handler_is_called_charges_nobody(attempt, results):
    def away(position):
        raise DatabaseUnavailable("sqlite:///x", "locked")

    results.result = away
    outcome = attempt(lambda event, clean: None, predecessors={"clean": 0})

    assert isinstance(outcome, Postponed)
    assert "its input could not be read: database sqlite:///x: locked" in outcome.reason


def test_a_database_that_is_away_when_the_handler_reads_its_input_charges_nobody(attempt, results):
    def away(position):
        raise DatabaseUnavailable("sqlite:///x", "locked")

    results.result = away
    outcome = attempt(lambda event: event.upstream["clean"], predecessors={"clean": 0})

    assert isinstance(outcome, Postponed)


# — kinds of handlers —


def test_coroutine_functions_are_run(attempt):
    async def handler(event):
        await asyncio.sleep(0)
        return "awaited"

    assert result(attempt(handler)) == "awaited"


def test_a_callable_object_may_be_asynchronous(attempt):
    class Handler:
        async def __call__(self, event):
            return "awaited"

    assert result(attempt(Handler())) == "awaited"


def test_a_coroutine_handler_keeps_to_its_limit_unless_it_is_reached(attempt, watchdog):
    async def handler(event):
        return "in time"

    assert result(attempt(handler, limits=watchdog, max_ttl=FOREVER)) == "in time"


@pytest.mark.parametrize("bind", [False, True])
def test_a_task_of_the_users_own_celery_is_a_handler(attempt, bind):
    app = Celery("execution-demo", set_as_current=False)

    def plain(event):
        return event["n"] + 1

    def bound(self, event):
        return event["n"] + len(self.name) * 0 + 1

    assert result(attempt(app.task(bound if bind else plain, bind=bind), payload={"n": 1})) == 2


# — ways to end —


def test_verdicts_of_a_handler_are_obeyed(attempt):
    assert attempt(raising(Fail("broken file"))).final
    assert attempt(raising(Skip("nothing new"))) == SkippedByHandler("nothing new")
    assert attempt(raising(RetryLater(5, "busy"))) == Postponed(5.0, "busy")


def raising(error):
    def handler(event):
        raise error

    return handler


@pytest.mark.parametrize(
    "error",
    [ValueError("x"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), MemoryError(), StopIteration(1)],
)
def test_whatever_a_handler_raises_is_a_failure(attempt, error):
    async def handler(event):
        raise error

    assert isinstance(attempt(raising(error)), Failed)
    assert isinstance(attempt(handler), Failed)


def test_sys_exit_says_what_was_called(attempt):
    assert attempt(lambda event: sys.exit(3)).error.message == "the handler called sys.exit(3)"


def test_endless_recursion_is_a_failure(attempt):
    def handler(event):
        return handler(event)

    failed = attempt(handler)

    assert failed.error.type == "RecursionError"
    assert "Previous line repeated" in failed.error.traceback


def test_a_traceback_begins_in_the_handler(attempt):
    def helper():
        raise ValueError("deep")

    def handler(event):
        helper()

    async def asynchronous(event):
        handler(event)

    for function in (handler, asynchronous):
        trace = attempt(function).error.traceback
        assert "in helper" in trace
        assert "pypeline/tasks" not in trace
        assert "asyncio" not in trace


def test_the_end_of_the_worker_is_no_outcome(attempt):
    with pytest.raises(WorkerShutdown):
        attempt(raising(WorkerShutdown(0)))


def test_an_outcome_of_every_kind_carries_the_log(attempt):
    def handler(event):
        print("so far so good")
        if event["error"] is not None:
            raise event["error"]

    for error in (None, ValueError(), Fail("x"), Skip("x"), RetryLater(1)):
        assert attempt(handler, defaults={"error": error}).log == "so far so good\n"


# — results —


def test_a_result_that_json_cannot_hold_fails_the_attempt(attempt):
    failed = attempt(lambda event: {"rows": [datetime(2026, 1, 1)]})  # noqa: DTZ001 - any will do

    assert failed.error.type == "ResultNotJson"
    assert failed.error.message.endswith('result["rows"][0]: datetime')
    assert failed.error.message.startswith("demo.tasks.report")
    assert not failed.final


def test_a_generator_is_no_result(attempt):
    def handler(event):
        yield 1

    assert attempt(handler).error.message.endswith("result: generator")


def test_a_result_over_the_limit_fails_the_attempt(attempt):
    assert attempt(lambda event: "x" * 2000).error.type == "ResultTooLarge"


def test_the_list_of_a_mapped_node_is_kept_element_by_element(attempt):
    outcome = attempt(lambda event: ["a" * 900, 2], mapped_by=("each",))

    assert outcome == Succeeded(None, elements=(f'"{"a" * 900}"', "2"))


def test_a_mapped_node_that_returns_no_list_fails(attempt):
    failed = attempt(lambda event: {"files": []}, mapped_by=("each",))

    assert (
        failed.error.message == "demo.tasks.report returned a dict: the forEach of node 'each' needs a list"
    )


def test_the_items_of_a_mapped_for_each_node_return_what_they_like(attempt, results):
    results.keep_parts(0, ["a"])

    assert attempt(lambda event: {"n": 1}, mapped_by=("each",), for_each=0, item=0) == Succeeded('{"n": 1}')


# — output —


def test_prints_and_log_lines_are_kept_in_their_order(attempt):
    def handler(event):
        print("one")
        logging.getLogger("demo").warning("two")
        print("three", file=sys.stderr)

    lines = attempt(handler).log.splitlines()

    assert (lines[0], lines[1].split(" ", 1)[1], lines[2]) == ("one", "WARNING demo: two", "three")


def test_a_handler_that_prints_100_megabytes_grows_no_memory(attempt):
    def handler(event):
        line = "x" * (1024 * 1024 - 1)
        for _ in range(100):
            print(line)

    tracemalloc.start()
    outcome = attempt(handler)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 5 * 1024 * 1024
    assert len(outcome.log) < 66_000
    assert f"… {100 * 1024 * 1024 - 64 * 1024:,} bytes left out …" in outcome.log


def test_attempts_that_run_at_once_keep_their_own_output(make_call):
    together = threading.Barrier(4, timeout=10)

    def handler(event):
        for _ in range(20):
            together.wait()
            print(event["name"])

    calls = [make_call(handler, payload={"name": name}) for name in "abcd"]
    with Capture(), ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(execute, calls))

    assert [outcome.log for outcome in outcomes] == [f"{name}\n" * 20 for name in "abcd"]


# — time limits —


def busy(event):
    end = time.monotonic() + FOREVER
    while time.monotonic() < end:
        pass


def test_a_handler_that_outlives_its_limit_times_out(attempt, watchdog):
    failed = attempt(busy, limits=watchdog, max_ttl=SOON)

    assert (failed.error.type, failed.error.message) == ("TimeLimitExceeded", "timed out after 0.02 s")
    assert "in busy" in failed.error.traceback


def test_a_coroutine_that_waits_past_its_limit_is_woken(attempt, watchdog):
    async def handler(event):
        await asyncio.sleep(FOREVER)

    failed = attempt(handler, limits=watchdog, max_ttl=SOON)

    assert (failed.error.type, failed.error.message) == ("TimeLimitExceeded", "timed out after 0.02 s")


def test_a_coroutine_that_cancels_itself_has_not_timed_out(attempt, watchdog):
    async def handler(event):
        raise asyncio.CancelledError

    assert attempt(handler, limits=watchdog, max_ttl=FOREVER).error.type == "CancelledError"


def test_a_loop_that_has_just_closed_needs_no_interruption(attempt):
    class Late:
        """Interrupts when the handler has ended, as a watchdog does that is late."""

        def run(self, function, *, limit, subject):
            watch = type("Watch", (), {"interrupted": False, "interrupt": None})()
            value = function(watch)
            watch.interrupt()
            return value

    async def handler(event):
        return "in time"

    assert result(attempt(handler, limits=Late(), max_ttl=FOREVER)) == "in time"


def test_a_handler_that_cleans_up_and_returns_has_succeeded(attempt, watchdog):
    def handler(event):
        try:
            busy(event)
        except SoftTimeLimit:
            return "partial"

    assert result(attempt(handler, limits=watchdog, max_ttl=SOON)) == "partial"


def test_a_handler_without_a_limit_is_not_watched(attempt):
    assert result(attempt(lambda event: 1, limits=object())) == 1


@pytest.mark.parametrize("subject", [None, "the work"])
def test_a_stuck_handler_is_reported_while_its_thread_runs(make_call, subject):
    reported, told = [], threading.Event()

    def expired(subject):
        reported.append(subject)
        told.set()

    def stuck(event):
        try:
            busy(event)
        except SoftTimeLimit:
            assert told.wait(FOREVER)

    watchdog = Watchdog(expired, grace=SOON)
    call = make_call(stuck, max_ttl=SOON)
    execute(call, limits=watchdog, subject=subject)
    watchdog.close()

    assert reported == [subject or call]


# — work of the engine —


class Work:
    """A claimed attempt, as the engine gives it."""

    def __init__(self, plan, node, item=NODE):
        position = plan.dag.positions[node]
        ref = type("Ref", (), {"run_id": "r1", "position": position, "item": item, "attempt": 3})
        self.claim = type("Claim", (), {"ref": ref})
        self.context = type("Context", (), {"pipeline_id": "p", "payload": {"day": "monday"}})
        self.plan = plan
        self.step = plan.steps[position]
        self.handler = self.step.handlers[0]


class StoreOfOneRun:
    def __init__(self, results):
        self.results = results

    def result(self, run_id, position):
        return self.results.result(position)

    def element_count(self, run_id, position):
        return self.results.element_count(position)

    def elements(self, run_id, position, start, stop):
        return self.results.elements(position, start, stop)


def seen(event, tools, extract):
    print("seen")
    return [event["day"], event["task_id"], event["attempt"], extract, tools.cancelled]


def listed(event):
    return [1, 2]


def doubled(event):
    return 2 * event["item"]


@pytest.fixture
def plan(monkeypatch):
    monkeypatch.setitem(sys.modules, "execution_demo", sys.modules[__name__])
    dag = Dag.from_adjacency({"extract": ["seen", "each"], "lost": []})
    handlers = {"extract": "listed", "seen": "seen", "each": "doubled", "lost": "nothing_of_the_kind"}
    return Plan(
        pipeline_id="p",
        definition_id="d",
        document={},
        dag=dag,
        steps=tuple(
            Step(
                name=name,
                handlers=(f"execution_demo.{handlers[name]}",),
                queue="q",
                for_each=dag.positions["extract"] if name == "each" else None,
            )
            for name in dag.names
        ),
    )


@pytest.fixture
def executor(results):
    paths = {f"execution_demo.{name}": {} for name in ("seen", "listed", "doubled")}
    return Executor(
        Registry(paths, {}),
        StoreOfOneRun(results),
        result_limit=1000,
        is_cancelled=lambda run_id: run_id == "r1",
    )


def test_work_is_executed_with_what_the_store_holds(plan, executor, results):
    results.keep_parts(plan.dag.positions["extract"], [1, 2])
    with Capture():
        outcome = executor(Work(plan, "seen"))

    task_id = f"r1:{plan.dag.positions['seen']}:-1:3"
    assert result(outcome) == ["monday", task_id, 3, [1, 2], True]
    assert outcome.log == "seen\n"


def test_work_on_a_mapped_node_and_on_its_items_is_told_apart(plan, executor, results):
    results.keep_parts(plan.dag.positions["extract"], [1, 2])

    assert executor(Work(plan, "extract")) == Succeeded(None, elements=("1", "2"))
    assert executor(Work(plan, "each", item=1)) == Succeeded("4")


def test_work_whose_handler_is_missing_here_is_postponed_with_the_reason(plan, executor):
    outcome = executor(Work(plan, "lost"))

    assert outcome == Postponed(
        5.0, "handler execution_demo.nothing_of_the_kind is not among the registeredTasks of this worker"
    )


def test_an_executor_that_is_told_of_no_cancels_says_that_there_are_none(plan, results):
    executor = Executor(Registry({"execution_demo.seen": {}}, {}), StoreOfOneRun(results), result_limit=1000)

    assert result(executor(Work(plan, "seen")))[-1] is False


def test_a_broken_tool_fails_the_attempt_by_its_name(attempt):
    toolbox = Toolbox({"warehouse": "execution_demo.no_such_factory"})

    failed = attempt(lambda event, tools: tools.warehouse, toolbox=toolbox)

    assert failed.error.type == "ToolUnavailable"
    assert failed.error.message.startswith(
        "tool 'warehouse': its factory execution_demo.no_such_factory cannot be used"
    )
