"""One attempt: a handler is called, and whatever happens becomes an outcome."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pypeline.errors import DatabaseUnavailable, ResultStoreUnavailable
from pypeline.runs.outcome import Outcome, Postponed, Succeeded
from pypeline.tasks.attempts.capture import kept_in
from pypeline.tasks.attempts.encoding import encode_elements, encode_result
from pypeline.tasks.attempts.event import Event, EventKeys, Upstream, build_event
from pypeline.tasks.attempts.failures import ends_the_worker, outcome_of
from pypeline.tasks.attempts.keeping import Keeper
from pypeline.tasks.attempts.listing import listing_handler
from pypeline.tasks.attempts.output import Output
from pypeline.tasks.attempts.registry import HandlerMissing
from pypeline.tasks.attempts.results import StoredResults
from pypeline.tasks.attempts.toolbox import Tools
from pypeline.tasks.brokers.messages import task_id
from pypeline.tasks.limits.timeouts import SoftTimeLimit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pypeline.engine import Work
    from pypeline.results import ResultStore
    from pypeline.runs.plan import Step
    from pypeline.store.base import Store
    from pypeline.tasks.attempts.encoding import Keep
    from pypeline.tasks.attempts.progress import ProgressReports
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
    ``result_limit`` is in bytes; ``keep`` takes what is larger. ``mapped_by`` names the ``forEach`` nodes
    that map over the step's result. ``output`` keeps what the handler prints and logs, and may be read while
    it runs.
    """

    handler: Handler
    step: Step
    keys: EventKeys
    predecessors: Mapping[str, int]
    reader: ResultReader
    tools: Tools
    result_limit: int
    keep: Keep | None = None
    mapped_by: tuple[str, ...] = ()
    output: Output = field(default_factory=Output)


class Executor:
    """
    Calls the handlers of claimed work with what the registry and the store hold.

    Results over ``result_limit`` bytes are kept in ``large``; without it they fail their attempts.
    ``is_cancelled`` answers whether a run, by its id, was cancelled. ``limits`` enforces time limits:
    Celery's own are not used. ``progress`` hears how far attempts are. ``environment`` holds the keys to the
    buckets that nodes list.
    """

    def __init__(  # noqa: PLR0913 - what an attempt may need, by name
        self,
        registry: Registry,
        store: Store,
        *,
        result_limit: int,
        large: ResultStore | None = None,
        is_cancelled: Callable[[str], bool] | None = None,
        limits: Limits | None = None,
        progress: ProgressReports | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.limits = limits
        self._environment = environment or {}
        self._progress = progress
        self._registry = registry
        self._store = store
        self._result_limit = result_limit
        self._large = large
        self._is_cancelled = is_cancelled or (lambda _: False)

    def __call__(self, work: Work) -> Outcome:
        """How the attempt ended. A handler that is missing here postpones it, uncharged."""
        try:
            handler = self._handler(work)
        except HandlerMissing as missing:
            return Postponed(AGAIN_IN, str(missing))
        outcome = execute(self._call(work, handler), limits=self.limits, subject=work)
        if self._progress is not None:
            self._progress.finish(work.claim.ref)
        return outcome

    def _handler(self, work: Work) -> Handler:
        if work.step.listing is not None:
            return listing_handler(work.step.listing, self._environment)
        return self._registry.resolve(work.handler)

    def _call(self, work: Work, handler: Handler) -> Call:
        ref, dag, output = work.claim.ref, work.plan.dag, Output()
        tools = Tools(
            self._registry.toolbox,
            handler=handler.path,
            output=output,
            on_progress=None if self._progress is None else partial(self._progress.note, ref),
            is_cancelled=lambda: self._is_cancelled(ref.run_id),
        )
        return Call(
            handler=handler,
            step=work.step,
            keys=_event_keys(work),
            predecessors={dag.names[parent]: parent for parent in dag.predecessors[ref.position]},
            reader=StoredResults(self._store, ref.run_id, self._large),
            tools=tools,
            result_limit=self._result_limit,
            keep=None if self._large is None else Keeper(self._large, work.claim),
            mapped_by=work.plan.map_sources.get(ref.position, ()),
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
    except (DatabaseUnavailable, ResultStoreUnavailable) as error:
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
    handler, limit, keep = call.handler.path, call.result_limit, call.keep
    # The items of a forEach node whose own results are mapped return one element each.
    if call.mapped_by and call.step.for_each is None:
        elements = encode_elements(value, handler=handler, mapped_by=call.mapped_by, limit=limit, keep=keep)
        return Succeeded(None, elements=elements)
    return Succeeded(encode_result(value, handler=handler, limit=limit, keep=keep))
