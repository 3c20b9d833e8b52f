"""One attempt: a handler is called, and whatever happens becomes an outcome."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pypeline.errors import DatabaseUnavailable
from pypeline.runs.outcome import Outcome, Postponed, Succeeded
from pypeline.tasks.attempts.capture import kept_in
from pypeline.tasks.attempts.encoding import encode_elements, encode_result
from pypeline.tasks.attempts.event import Event, EventKeys, Upstream, build_event
from pypeline.tasks.attempts.failures import ends_the_worker, outcome_of
from pypeline.tasks.attempts.output import Output
from pypeline.tasks.attempts.registry import HandlerMissing
from pypeline.tasks.attempts.results import StoredResults
from pypeline.tasks.attempts.toolbox import Tools
from pypeline.tasks.brokers.messages import task_id
from pypeline.tasks.limits.timeouts import SoftTimeLimit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pypeline.engine import Work
    from pypeline.runs.plan import Step
    from pypeline.store.base import Store
    from pypeline.tasks.attempts.registry import Handler, Registry
    from pypeline.tasks.attempts.results import ResultReader
    from pypeline.tasks.limits.timeouts import Limits, Watch

AGAIN_IN = 5.0
"""Seconds after which an attempt that cannot be made here is offered again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """
    A handler to be called for one attempt of a step, with all that its arguments are made of.

    ``predecessors`` maps the names of the direct predecessors to their positions in ``reader``.
    ``result_limit`` is in bytes. ``is_map_source`` says that a ``forEach`` node maps over the step's
    result. ``output`` keeps what the handler prints and logs, and may be read while it runs.
    """

    handler: Handler
    step: Step
    keys: EventKeys
    predecessors: Mapping[str, int]
    reader: ResultReader
    tools: Tools
    result_limit: int
    is_map_source: bool = False
    output: Output = field(default_factory=Output)


class Executor:
    """
    Calls the handlers of claimed work with what the registry and the store hold.

    ``is_cancelled`` answers whether a run, by its id, was cancelled. ``limits`` enforces time limits:
    Celery's own are not used.
    """

    def __init__(
        self,
        registry: Registry,
        store: Store,
        *,
        result_limit: int,
        is_cancelled: Callable[[str], bool] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits
        self._registry = registry
        self._store = store
        self._result_limit = result_limit
        self._is_cancelled = is_cancelled or (lambda _: False)

    def __call__(self, work: Work) -> Outcome:
        """How the attempt ended. A handler that is missing here postpones it, uncharged."""
        try:
            handler = self._registry.resolve(work.handler)
        except HandlerMissing as missing:
            return Postponed(AGAIN_IN, str(missing))
        return execute(self._call(work, handler), limits=self.limits, subject=work)

    def _call(self, work: Work, handler: Handler) -> Call:
        ref, dag, output = work.claim.ref, work.plan.dag, Output()
        tools = Tools(
            self._registry.toolbox,
            handler=handler.path,
            output=output,
            is_cancelled=lambda: self._is_cancelled(ref.run_id),
        )
        return Call(
            handler=handler,
            step=work.step,
            keys=_event_keys(work),
            predecessors={dag.names[parent]: parent for parent in dag.predecessors[ref.position]},
            reader=StoredResults(self._store, ref.run_id),
            tools=tools,
            result_limit=self._result_limit,
            is_map_source=ref.position in work.plan.map_sources,
            output=output,
        )


def execute(call: Call, *, limits: Limits | None = None, subject: object = None) -> Outcome:
    """
    Call a handler and say how its attempt ended, with what it printed and logged.

    Whatever the handler raises is an outcome; only what ends the worker itself (`ends_the_worker`) is
    raised. With ``limits`` the step's ``max_ttl`` holds, and ``subject`` (by default the call) is what
    an expiry names.
    """
    with kept_in(call.output):
        outcome = _attempt(call, limits, call if subject is None else subject)
    return replace(outcome, log=call.output.text())


def _event_keys(work: Work) -> EventKeys:
    ref = work.claim.ref
    return EventKeys(
        pipeline_id=work.context.pipeline_id,
        execution_id=ref.run_id,
        task_id=task_id(ref),
        attempt=ref.attempt,
        payload=work.context.payload,
        item=ref.item,
    )


def _attempt(call: Call, limits: Limits | None, subject: object) -> Outcome:
    try:
        event, keywords = _arguments(call)
        value = _limited(call, limits, subject, lambda watch: _invoke(call, watch, event, keywords))
        return _success(call, value)
    except DatabaseUnavailable as error:
        # Before the handler, or in it, as it reads what came before: nobody is charged for that.
        return Postponed(AGAIN_IN, f"its input could not be read: {error}")
    except BaseException as error:
        if ends_the_worker(error):
            raise
        return outcome_of(error, max_ttl=call.step.max_ttl)


def _arguments(call: Call) -> tuple[Event, dict[str, Any]]:
    """The event, and what else the handler's parameters ask for."""
    upstream = Upstream(call.step.name, call.predecessors, call.reader)
    signature = call.handler.signature
    wanted = [*signature.injected, *(name for name in signature.optional if name in upstream)]
    content = build_event(call.step, call.keys, defaults=call.handler.defaults, reader=call.reader)
    keywords = {name: upstream[name] for name in wanted}
    if signature.takes_tools:
        keywords["tools"] = call.tools
    return Event(content, upstream), keywords


def _limited(
    call: Call,
    limits: Limits | None,
    subject: object,
    function: Callable[[Watch[Any] | None], Any],
) -> Any:
    if limits is None or call.step.max_ttl is None:
        return function(None)
    return limits.run(function, limit=call.step.max_ttl, subject=subject)


def _invoke(call: Call, watch: Watch[Any] | None, event: Event, keywords: Mapping[str, Any]) -> Any:
    value = call.handler.function(event, **keywords)
    # Asked of the value: what a Celery task or a callable object calls may be a coroutine function too.
    return asyncio.run(_awaited(value, watch)) if inspect.isawaitable(value) else value


async def _awaited(value: Awaitable[Any], watch: Watch[Any] | None) -> Any:
    """Await in a task that a watch can cancel: an error in its thread wakes no loop that waits."""
    if watch is None:
        return await value
    task = asyncio.ensure_future(value)
    watch.interrupt = partial(_cancel, asyncio.get_running_loop(), task)
    try:
        return await task
    except asyncio.CancelledError:
        if watch.interrupted:
            raise SoftTimeLimit from None
        raise


def _cancel(loop: asyncio.AbstractEventLoop, task: asyncio.Future[Any]) -> None:
    with suppress(RuntimeError):  # the loop has just been closed
        loop.call_soon_threadsafe(task.cancel)


def _success(call: Call, value: object) -> Succeeded:
    handler, limit = call.handler.path, call.result_limit
    # The items of a forEach node whose own results are mapped return one element each.
    if call.is_map_source and call.step.for_each is None:
        elements = encode_elements(value, handler=handler, node=call.step.name, limit=limit)
        return Succeeded(None, elements=elements)
    return Succeeded(encode_result(value, handler=handler, limit=limit))
